"""`python -m tests.benchmarks.peers fasthttp|httpx PORT USERS SECONDS`: other clients, same load, same core.

Prints requests and CPU seconds as JSON. Each decodes the reply, as ours does.
"""

import json
import sys
import time
from typing import Any

import gevent
import httpx
import msgpack
from locust import FastHttpUser, events, task
from locust.env import Environment

BODY = msgpack.packb({"items": [{"text": "hello"}], "params": {"output_types": ["dense"]}})
PATH = "/v1/encode/mock"
HEADERS = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}


class Poster(FastHttpUser):
    """Asks again as soon as it has a reply."""

    @task
    def post(self) -> None:
        """One request."""
        with self.client.post(PATH, data=BODY, headers=HEADERS) as reply:
            msgpack.unpackb(reply.content)


def fasthttp(port: int, users: int, seconds: float) -> int:
    """Locust's fast client."""
    environment = Environment(user_classes=[Poster], events=events, host=f"http://127.0.0.1:{port}")
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    gevent.sleep(seconds)
    count = int(runner.stats.total.num_requests)
    runner.quit()
    return count


def plain_httpx(port: int, users: int, seconds: float) -> int:
    """The synchronous client of httpx in greenlets."""
    end_s = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=users, max_keepalive_connections=users)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", limits=limits)

    def ask() -> int:
        count = 0
        while time.monotonic() < end_s:
            msgpack.unpackb(client.post(PATH, content=BODY, headers=HEADERS).content)
            count += 1
        return count

    return sum(done.get() for done in [gevent.spawn(ask) for _ in range(users)])


PEERS: dict[str, Any] = {"fasthttp": fasthttp, "httpx": plain_httpx}

if __name__ == "__main__":
    name, port, users, seconds = sys.argv[1:]
    before_s = time.process_time()
    requests = PEERS[name](int(port), int(users), float(seconds))
    print(json.dumps({"requests": requests, "cpu_s": time.process_time() - before_s}))

"""`python -m tests.benchmarks.bare_streams PORT STREAMS TOKENS`: what reading stamped streams costs.

Opens STREAMS chats at once, and reads each event and its kernel stamp into a list; nothing is parsed. Prints
events and CPU seconds as JSON.
"""

import json
import select
import socket
import sys
import time
from typing import Any

from gevent import monkey

from bench.drive.stamps import MSG_ERRQUEUE, Clock, ask_for_stamps

# The drive's package imports Locust, which patches both.
_epoll: Any = monkey.get_original("select", "epoll")
_Socket: Any = monkey.get_original("socket", "socket")


def main(port: int, streams: int, tokens: int) -> None:
    """Run and print."""
    body = json.dumps({"model": "m", "messages": [], "stream": True, "max_tokens": tokens}).encode()
    wire = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    poll, clock = _epoll(), Clock()
    socks: dict[int, Any] = {}
    got: dict[int, list[tuple[int | None, bytes]]] = {}
    for _ in range(streams):
        sock = _Socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.connect(("127.0.0.1", port))
        ask_for_stamps(sock)
        poll.register(sock.fileno(), select.EPOLLIN)
        socks[sock.fileno()], got[sock.fileno()] = sock, []
    cpu_s = time.process_time()
    for number, sock in enumerate(socks.values()):
        sock.send(wire)
        time.sleep(0.5 / streams if number % 8 == 0 else 0)
    while socks:
        for fd, mask in poll.poll(1):
            if mask & select.EPOLLERR:
                socks[fd].recvmsg(1, 256, MSG_ERRQUEUE)
                continue
            data, control, _, _ = socks[fd].recvmsg(8192, 256)
            got[fd].append((clock.received_ns(control), data))
            if data.endswith(b"0\r\n\r\n"):
                poll.unregister(fd)
                del socks[fd]
    events = sum(len(pieces) for pieces in got.values())
    print(json.dumps({"events": events, "cpu_s": time.process_time() - cpu_s}))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

"""`python -m tests.drive.call_late URL`: what an engine that has ended does to those who still call it.

Prints, as JSON, whether the descriptor that the late calls wrote to before was reused meanwhile, and what
reached its new owner. A process of its own, because Locust patches the one that imports it.
"""

import json
import os
import sys
from pathlib import Path

import gevent

from bench.drive.engine import Engine
from bench.drive.journal import KeptJournal
from bench.protocol import Endpoint
from bench.scenario import Timeouts


def main(url: str) -> None:
    """Run an engine, end it, and call on."""
    before = descriptors()
    engine = Engine(Endpoint("sie", url), Timeouts(), KeptJournal())
    # One of these is the engine's bell; whoever opens as many gets that number again.
    opened = descriptors() - before
    thread = gevent.get_hub().threadpool.spawn(engine.run)
    engine.close()
    thread.get()
    others = [os.eventfd(0, os.EFD_NONBLOCK) for _ in opened]
    for late in (engine.wake, engine.stop_sending, lambda: engine.end_flights("cancelled"), engine.close):
        late()
    heard = [heard_by(other) for other in others]
    print(json.dumps({"reused": len(opened & set(others)), "heard": sum(heard)}))


def descriptors() -> set[int]:
    """Those of this process that are open."""
    # Listed first: the list has a descriptor of its own, gone when it is looked for.
    return {int(link.name) for link in list(Path("/proc/self/fd").iterdir()) if link.exists()}


def heard_by(descriptor: int) -> int:
    """What was written to an eventfd."""
    try:
        return os.eventfd_read(descriptor)
    except BlockingIOError:
        return 0


if __name__ == "__main__":
    main(sys.argv[1])

"""An engine that sends one order to a URL and tries it again: what its counts said at each step, as JSON.

A process of its own, as all that imports the drive.
"""

import json
import sys
import time
from dataclasses import dataclass, field

import gevent

from bench.drive.engine import Engine
from bench.drive.flight import Flight, Order
from bench.protocol import Ask, Endpoint, render
from bench.scenario import Retry, Timeouts


@dataclass
class Observer:
    """Supply of the one order, and journal; it looks at the counts whenever the engine calls."""

    endpoint: Endpoint
    engine: Engine | None = None
    left: int = 1
    seen: list[tuple[str, int, int]] = field(default_factory=list)
    done: bool = False

    def look(self, when: str) -> None:
        """Note what is not sent, and what is in flight."""
        if self.engine:
            self.seen.append((when, self.engine.backlog, self.engine.in_flight))

    def next_ns(self) -> int | None:
        """At once."""
        return time.monotonic_ns() if self.left else None

    def take(self) -> Order:
        """The order: from here on nothing else is to come."""
        self.left = 0
        self.look("taken")
        return Order(time.monotonic_ns(), ASK, render(self.endpoint, ASK), render=self.again)

    def again(self, order: Order, _: int) -> bytes:
        """Rendered for another try."""
        self.look("refused")
        return render(self.endpoint, order.ask)

    def sent(self, _: Flight) -> None:
        """Of no interest."""

    def ended(self, _: Flight) -> None:
        """The outcome is settled."""
        if not self.done:
            self.look("ended")
        self.done = True

    def tick(self, _: int) -> None:
        """Of no interest."""


ASK = Ask(operation="chat", model="Qwen/Qwen3-4B", texts=("Hello",), max_tokens=4, profile="a100-40gb")


def main(url: str) -> None:
    """Run until the tries are over."""
    endpoint = Endpoint("sie", url)
    observer = Observer(endpoint)
    retry = Retry(policy="wait", cap_s=0.1, budget_s=0.5)
    engine = observer.engine = Engine(endpoint, Timeouts(), observer, retry)
    engine.serve(observer)
    thread = gevent.get_hub().threadpool.spawn(engine.run)
    end = time.monotonic() + 20
    while not observer.done and time.monotonic() < end:
        gevent.sleep(0.01)
    engine.close()
    thread.get()
    observer.look("over")
    print(json.dumps(observer.seen))


if __name__ == "__main__":
    main(sys.argv[1])

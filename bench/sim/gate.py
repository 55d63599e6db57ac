"""The gate before every write: while it is shut, no byte of a reply leaves."""

import asyncio
from collections.abc import Callable

from bench.sim.truth import monotonic_ns


class Gate:
    """Open unless a stall holds it shut; what waits for it runs in order when it opens."""

    def __init__(self) -> None:
        self._holds = 0
        self.opened_ns = 0
        """When it last opened; 0 if it was never shut."""
        self._waiting: list[Callable[[], None]] = []

    @property
    def is_open(self) -> bool:
        """Whether bytes may leave now."""
        return not self._holds

    def shut(self) -> None:
        """Hold all writes; holds add up."""
        self._holds += 1

    def release(self) -> None:
        """Take one hold away; with the last, everything that waits runs at once."""
        self._holds -= 1
        if self._holds:
            return
        self.opened_ns = monotonic_ns()
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def when_open(self, callback: Callable[[], None]) -> None:
        """Run the callback now, or as soon as the gate opens."""
        if self.is_open:
            callback()
        else:
            self._waiting.append(callback)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while not self.is_open:
            opened = asyncio.Event()
            self._waiting.append(opened.set)
            await opened.wait()

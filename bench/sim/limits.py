"""The watch that the gateway keeps on one job."""

import asyncio
from collections.abc import Callable

from bench.sim.model import FIRST_CHUNK, INTER_CHUNK, OVERALL, Job, Limits


class Watch:
    """Calls back with the name of the limit that passes; the callback stops or restarts the watch.

    Progress only moves an instant; the one timer looks at it when it fires, so that chunks cost nothing.
    """

    def __init__(self, limits: Limits, job: Job, expire: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._first_s, self._inter_s, overall_s = limits.of(job)
        self._expire = expire
        self._since_s = self._loop.time()
        self._ends_s = self._since_s + overall_s
        self._begun = False
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    def progress(self) -> None:
        """A chunk came."""
        self._since_s = self._loop.time()
        if not self._begun:
            self._begun = True
            self._arm()

    def restart(self) -> None:
        """Wait for the first chunk anew; the overall limit stays."""
        self._since_s = self._loop.time()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        if not self._stopped:
            self._timer = self._loop.call_at(self._due_s(), self._look)

    def _chunk_due_s(self) -> float:
        return self._since_s + (self._inter_s if self._begun else self._first_s)

    def _due_s(self) -> float:
        return min(self._ends_s, self._chunk_due_s())

    def _look(self) -> None:
        now_s = self._loop.time()
        if self._chunk_due_s() <= now_s:
            self._expire(INTER_CHUNK if self._begun else FIRST_CHUNK)
        elif self._ends_s <= now_s:
            self._expire(OVERALL)
        self._arm()

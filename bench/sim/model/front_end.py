"""The request front end of a generation worker: what a request costs before the engine sees it."""

from collections import deque

from bench.sim.model.jobs import Job


class FrontEnd:
    """One processor that all requests in it share equally, as an event loop does, and a delay of one's own.

    All cost the same, so that they leave in the order in which they came; those that come together leave
    together.  `_share_ns` is the processor time that each has had that was there from the start.
    """

    def __init__(self, serial_s: float, base_s: float) -> None:
        self._serial_ns = serial_s * 1e9
        self._base_ns = round(base_s * 1e9)
        self._share_ns = 0.0
        self._since_ns = 0
        self._working: deque[tuple[float, Job]] = deque()
        """With the share at which each is done."""
        self._delayed: deque[tuple[int, Job]] = deque()
        """With the instant at which each leaves."""

    def __len__(self) -> int:
        return len(self._working) + len(self._delayed)

    def submit(self, now_ns: int, job: Job) -> None:
        """Take a request in."""
        self._work_until(now_ns)
        self._working.append((self._share_ns + self._serial_ns, job))

    def cancel(self, now_ns: int, job_id: int) -> None:
        """Forget a request; what it has cost is spent."""
        self._work_until(now_ns)
        self._working = deque(entry for entry in self._working if entry[1].id != job_id)
        self._delayed = deque(entry for entry in self._delayed if entry[1].id != job_id)

    def next_ns(self) -> int | None:
        """When the next request leaves if no other comes."""
        if self._delayed:
            return self._delayed[0][0]
        return self._done_ns() + self._base_ns if self._working else None

    def leave(self, now_ns: int) -> list[Job]:
        """The requests that leave up to and at this instant."""
        self._work_until(now_ns)
        left = []
        while self._delayed and self._delayed[0][0] <= now_ns:
            left.append(self._delayed.popleft()[1])
        return left

    def _done_ns(self) -> int:
        """When the first of those that share the processor is done."""
        return self._since_ns + round((self._working[0][0] - self._share_ns) * len(self._working))

    def _work_until(self, now_ns: int) -> None:
        while self._working and (done_ns := self._done_ns()) <= now_ns:
            self._share_ns, job = self._working.popleft()
            self._since_ns = done_ns
            self._delayed.append((done_ns + self._base_ns, job))
        if self._working and now_ns > self._since_ns:
            self._share_ns += (now_ns - self._since_ns) / len(self._working)
        self._since_ns = max(self._since_ns, now_ns)

"""How late the simulator itself was: from the instant that the model says to the end of the write."""

from collections import Counter

_NS_PER_BUCKET = 100_000
_MS_PER_BUCKET = 0.1


class Lateness:
    """Counts writes by how late they were, to a tenth of a millisecond, since the first of the last trace.

    A trace is a run of the client, by the standard's `traceparent`; what carries none counts to the run.
    """

    def __init__(self) -> None:
        self._trace = ""
        self._counts: Counter[int] = Counter()

    def begin(self, traceparent: str) -> None:
        """A request came; the first of another run forgets what was before it."""
        trace = traceparent[3:35]
        if trace and trace != self._trace:
            self._trace = trace
            self._counts.clear()

    def note(self, late_ns: int) -> None:
        """Something was written so long after its instant."""
        self._counts[max(0, late_ns) // _NS_PER_BUCKET] += 1

    def as_map(self) -> dict[str, float]:
        """Writes counted, and quantiles of their lateness in ms, rounded down to 0.1."""
        writes = self._counts.total()
        levels = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
        told = {
            name: round(self._bucket(level * writes) * _MS_PER_BUCKET, 1) for name, level in levels.items()
        }
        return {"writes": writes, **told}

    def _bucket(self, rank: float) -> int:
        """The bucket of the value that so many writes are not later than."""
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return bucket
        return 0

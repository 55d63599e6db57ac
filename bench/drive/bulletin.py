"""What Locust is told of finished requests: by the batch, or one by one where somebody listens.

Its figures have two digits and are for the eye; the record has them all.
"""

import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from bench.drive.asking import Shared
from bench.drive.flight import GOOD
from bench.protocol import Facts

_Named = tuple[str, str | None, str]
"""Class, profile and operation."""


class _Waiting:
    """Finished requests that Locust has not heard of, in columns: to look at each as an object takes longer.

    Latencies count from the scheduled instant, and are 0 without an end; a trouble is why it was not good.
    """

    def __init__(self) -> None:
        self.latency_ns, self.first_ns, self.size = array("q"), array("q"), array("q")
        self.troubles: list[str | None] = []

    def take(self) -> "_Batch":
        """All there is by now. Another thread adds more meanwhile, to the troubles last."""
        count = len(self.troubles)
        latency_ns, size, first_ns = self.latency_ns[:count], self.size[:count], self.first_ns[:]
        troubles = self.troubles[:count]
        del self.latency_ns[:count], self.size[:count], self.troubles[:count], self.first_ns[: len(first_ns)]
        return _Batch(_in_ms(latency_ns), _in_ms(first_ns), size, troubles)


def _in_ms(instants_ns: "array[int]") -> npt.NDArray[np.float64]:
    return np.frombuffer(instants_ns, np.int64) / 1e6


class _Batch(NamedTuple):
    latencies_ms: npt.NDArray[np.float64]
    first_ms: npt.NDArray[np.float64]
    sizes: Sequence[int]
    troubles: Sequence[str | None]


class Bulletin:
    """Written by the engine's thread, read by Locust's."""

    def __init__(self) -> None:
        self._waiting: dict[_Named, _Waiting] = {}
        self.ttft = RequestStats().get("ttft", "")

    def add(self, shared: Shared, scheduled_ns: int, facts: Facts) -> None:
        """Note the end of a request."""
        named = shared[:3]
        waiting = self._waiting.get(named)
        if waiting is None:
            waiting = self._waiting[named] = _Waiting()
        end_ns, first_ns = facts.end_ns, facts.first_token_ns
        waiting.latency_ns.append(0 if end_ns is None or end_ns < scheduled_ns else end_ns - scheduled_ns)
        waiting.size.append(facts.response_bytes)
        if first_ns is not None:
            waiting.first_ns.append(max(0, first_ns - scheduled_ns))
        waiting.troubles.append(None if facts.outcome in GOOD else _why(facts))

    def post(self, environment: Environment) -> None:
        """Hand everything to Locust."""
        # Locust's own listener only counts, and costs more than the request if it counts one by one.
        listened_to = len(environment.events.request._handlers) > 1
        for (name, profile, kind), waiting in list(self._waiting.items()):
            batch = waiting.take()
            if not batch.troubles:
                continue
            self.ttft.extend(_summed(self.ttft, batch.first_ms, 0, 0))
            if listened_to:
                _fire(environment, kind, label(name, profile), batch)
            else:
                _count(environment.stats, kind, label(name, profile), batch)

    def ttft_p50_ms(self) -> float | None:
        """The median so far, of two digits."""
        return self.ttft.get_response_time_percentile(0.5) if self.ttft.num_requests else None


def label(name: str, profile: str | None) -> str:
    """What a class on a profile is called in Locust's tables."""
    return f"{name} {profile}" if profile else name


def _fire(environment: Environment, kind: str, name: str, batch: _Batch) -> None:
    for latency_ms, size, trouble in zip(
        batch.latencies_ms.tolist(), batch.sizes, batch.troubles, strict=True
    ):
        environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=kind,
            name=name,
            response_time=latency_ms,
            response_length=size,
            exception=None if trouble is None else RuntimeError(trouble),
            context={},
        )


def _count(stats: RequestStats, kind: str, name: str, batch: _Batch) -> None:
    troubles = Counter(trouble for trouble in batch.troubles if trouble is not None)
    for entry in (stats.total, stats.get(name, kind)):
        entry.extend(_summed(entry, batch.latencies_ms, sum(batch.sizes), troubles.total()))
    for trouble, times in troubles.items():
        error = StatsError(kind, name, RuntimeError(trouble))
        known = stats.errors.setdefault(StatsError.create_key(kind, name, error.error), error)
        known.occurrences += times
        known.last_seen = time.time()
        known.first_seen = known.first_seen or known.last_seen


def _summed(entry: StatsEntry, times_ms: npt.NDArray[np.float64], size: int, failures: int) -> StatsEntry:
    """An entry that holds a batch, to extend another with."""
    batch = StatsEntry(entry.stats, entry.name, entry.method)
    now_s, count = time.time(), len(times_ms)
    batch.num_requests, batch.num_failures = count, failures
    batch.total_content_length = size
    if count:
        batch.total_response_time = round(float(times_ms.sum()))
        batch.min_response_time, batch.max_response_time = round(times_ms.min()), round(times_ms.max())
        batch.last_request_timestamp = now_s
    # Most latencies of a batch share few whole milliseconds.
    for time_ms, times in zip(*np.unique(np.rint(times_ms), return_counts=True), strict=True):
        batch.response_times[bucket_response_time(int(time_ms))] += int(times)
    batch.num_reqs_per_sec = {int(now_s): count}
    batch.num_fail_per_sec = {int(now_s): failures} if failures else {}
    return batch


def _why(facts: Facts) -> str:
    parts = (facts.outcome, facts.reason, facts.status, facts.error_code)
    return " ".join(str(part) for part in parts if part)

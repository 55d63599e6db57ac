"""What Locust is told of finished requests: by the batch, or one by one where somebody listens.

Its figures have two digits and are for the eye; the record has them all.
"""

import time
from collections import Counter, deque
from dataclasses import dataclass

from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from bench.drive.asking import Shared
from bench.drive.flight import GOOD
from bench.protocol import Facts

_Ended = tuple[int, int | None, int | None, int, str | None]
"""Of a request: when it was due, when it ended if it did, when its first token came if one came, bytes of the
reply, and why it was not good if it was not."""


@dataclass(slots=True)
class _Batch:
    """Latencies count from the scheduled instant, 0 without an end; a trouble is why it was not good."""

    latencies_ms: list[float]
    first_ms: list[float]
    sizes: list[int]
    troubles: list[str | None]


def _taken(waiting: "deque[_Ended]") -> _Batch:
    """All there is by now; more may come meanwhile, from another thread."""
    ended = [waiting.popleft() for _ in range(len(waiting))]
    return _Batch(
        [(end_ns - due_ns) / 1e6 if end_ns and end_ns > due_ns else 0.0 for due_ns, end_ns, _, _, _ in ended],
        [max(0, first_ns - due_ns) / 1e6 for due_ns, _, first_ns, _, _ in ended if first_ns is not None],
        [size for _, _, _, size, _ in ended],
        [trouble for _, _, _, _, trouble in ended],
    )


class Bulletin:
    """Written by the engine's thread, read by Locust's."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str | None, str], deque[_Ended]] = {}
        self.ttft = RequestStats().get("ttft", "")

    def add(self, shared: Shared, scheduled_ns: int, facts: Facts) -> None:
        """Note the end of a request."""
        named = shared[:3]
        waiting = self._waiting.get(named)
        if waiting is None:
            waiting = self._waiting[named] = deque()
        trouble = None if facts.outcome in GOOD else _why(facts)
        waiting.append((scheduled_ns, facts.end_ns, facts.first_token_ns, facts.response_bytes, trouble))

    def post(self, environment: Environment) -> None:
        """Hand everything to Locust."""
        # Locust's own listener only counts, and costs more than the request if it counts one by one.
        listened_to = len(environment.events.request._handlers) > 1
        for (name, profile, kind), waiting in list(self._waiting.items()):
            batch = _taken(waiting)
            if not batch.latencies_ms:
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
    for latency_ms, size, trouble in zip(batch.latencies_ms, batch.sizes, batch.troubles, strict=True):
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


def _summed(entry: StatsEntry, times_ms: list[float], size: int, failures: int) -> StatsEntry:
    """An entry that holds a batch, to extend another with."""
    batch = StatsEntry(entry.stats, entry.name, entry.method)
    now_s = time.time()
    batch.num_requests, batch.num_failures = len(times_ms), failures
    batch.total_response_time = round(sum(times_ms))
    batch.min_response_time = round(min(times_ms)) if times_ms else None
    batch.max_response_time = round(max(times_ms, default=0))
    batch.total_content_length = size
    # Most latencies of a batch share few whole milliseconds.
    for time_ms, times in Counter(map(round, times_ms)).items():
        batch.response_times[bucket_response_time(time_ms)] += times
    batch.last_request_timestamp = now_s if times_ms else None
    batch.num_reqs_per_sec = {int(now_s): len(times_ms)}
    batch.num_fail_per_sec = {int(now_s): failures} if failures else {}
    return batch


def _why(facts: Facts) -> str:
    parts = (facts.outcome, facts.reason, facts.status, facts.error_code)
    return " ".join(str(part) for part in parts if part)

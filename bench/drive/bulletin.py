"""What Locust is told of finished requests: by the batch, or one by one where somebody listens.

Its figures have two digits and are for the eye; the record has them all.
"""

import time
from collections import Counter, deque
from dataclasses import dataclass

from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from bench.drive.flight import GOOD
from bench.protocol import Facts
from bench.scenario import Traffic
from bench.workload import Planned

_Ended = tuple[int, int, str | None, int | None]
"""Of a request: ns from its scheduled instant to its end, bytes of the reply, why it was not good, if it was
not, and ns to its first token, if one came."""


class _Tally:
    """Finished requests of one class and profile that Locust has not heard of."""

    def __init__(self, traffic: Traffic, profile: str | None) -> None:
        # Kept, so that no other class comes to have its id.
        self.traffic, self.profile = traffic, profile
        self.ended: deque[_Ended] = deque()

    def take(self) -> "_Batch":
        """All there is by now; more may come meanwhile, from another thread."""
        ended = [self.ended.popleft() for _ in range(len(self.ended))]
        return _Batch(
            [latency_ns / 1e6 for latency_ns, _, _, _ in ended],
            [size for _, size, _, _ in ended],
            [trouble for _, _, trouble, _ in ended],
            [first_ns / 1e6 for _, _, _, first_ns in ended if first_ns is not None],
        )


@dataclass(slots=True)
class _Batch:
    """Latencies count from the scheduled instant; a trouble is why a request was not good."""

    latencies_ms: list[float]
    sizes: list[int]
    troubles: list[str | None]
    first_ms: list[float]


_WITHOUT_END = frozenset({"unfinished", "not_sent"})


class Bulletin:
    """Written by the engine's thread, read by Locust's."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str | None], _Tally] = {}
        self.ttft = RequestStats().get("ttft", "")

    def add(self, planned: Planned, scheduled_ns: int, facts: Facts) -> None:
        """Note the end of a request."""
        key = id(planned.traffic), planned.profile
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(planned.traffic, planned.profile)
        outcome, end_ns, first_ns = facts.outcome, facts.end_ns, facts.first_token_ns
        if end_ns is None or end_ns < scheduled_ns or outcome in _WITHOUT_END:
            end_ns = scheduled_ns
        if first_ns is not None:
            first_ns = max(0, first_ns - scheduled_ns)
        trouble = None if outcome in GOOD else _why(facts)
        tally.ended.append((end_ns - scheduled_ns, facts.response_bytes, trouble, first_ns))

    def post(self, environment: Environment) -> None:
        """Hand everything to Locust."""
        # Locust's own listener only counts, and costs more than the request if it counts one by one.
        listened_to = len(environment.events.request._handlers) > 1
        for tally in list(self._tallies.values()):
            traffic, profile = tally.traffic, tally.profile
            kind, name = traffic.operation, traffic.name
            batch = tally.take()
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

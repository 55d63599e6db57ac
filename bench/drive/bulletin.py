"""What Locust is told of finished requests: by the batch, or one by one where somebody listens.

Its figures have two digits and are for the eye; the record has them all.
"""

import time
from collections import Counter, defaultdict, deque
from typing import NamedTuple

from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from bench.protocol import Facts
from bench.workload import Planned


class Line(NamedTuple):
    """A finished request, for the eye; latencies count from the scheduled instant."""

    kind: str
    name: str
    latency_ms: float
    response_bytes: int
    ttft_ms: float | None
    trouble: str | None


class Bulletin:
    """Written by the engine's thread, read by Locust's."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._ttft = RequestStats().get("ttft", "")

    def add(self, planned: Planned, scheduled_ns: int, facts: Facts) -> None:
        """Note the end of a request."""
        traffic, outcome = planned.traffic, facts.outcome
        censored = outcome in {"unfinished", "not_sent"} or facts.end_ns is None
        first_ns = facts.first_token_ns
        self._lines.append(
            Line(
                traffic.operation,
                f"{traffic.name} {planned.profile}" if planned.profile else traffic.name,
                0.0 if censored else max(0, (facts.end_ns or 0) - scheduled_ns) / 1e6,
                facts.response_bytes,
                None if first_ns is None else max(0, first_ns - scheduled_ns) / 1e6,
                None if outcome in {"ok", "degraded"} else _why(facts),
            )
        )

    def post(self, environment: Environment) -> None:
        """Hand everything to Locust."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        first_tokens = [line.ttft_ms for line in lines if line.ttft_ms is not None]
        self._ttft.extend(_summed(self._ttft, first_tokens, 0, []))
        # Locust's own listener only counts, and costs more than the request if it counts one by one.
        if len(environment.events.request._handlers) > 1:
            _fire(environment, lines)
        else:
            _count(environment.stats, lines)

    def ttft_p50_ms(self) -> float | None:
        """The median so far, of two digits."""
        return self._ttft.get_response_time_percentile(0.5) if self._ttft.num_requests else None


def _fire(environment: Environment, lines: list[Line]) -> None:
    for line in lines:
        environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=line.kind,
            name=line.name,
            response_time=line.latency_ms,
            response_length=line.response_bytes,
            exception=None if line.trouble is None else RuntimeError(line.trouble),
            context={},
        )


def _count(stats: RequestStats, lines: list[Line]) -> None:
    of: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        of[line.name, line.kind].append(line)
    for (name, kind), some in of.items():
        latencies_ms = [line.latency_ms for line in some]
        troubles = [line.trouble for line in some if line.trouble is not None]
        for entry in (stats.total, stats.get(name, kind)):
            entry.extend(_summed(entry, latencies_ms, sum(line.response_bytes for line in some), troubles))
        for trouble, times in Counter(troubles).items():
            error = StatsError(kind, name, RuntimeError(trouble))
            known = stats.errors.setdefault(StatsError.create_key(kind, name, error.error), error)
            known.occurrences += times
            known.last_seen = time.time()
            known.first_seen = known.first_seen or known.last_seen


def _summed(entry: StatsEntry, times_ms: list[float], size: int, troubles: list[str]) -> StatsEntry:
    """An entry that holds a batch, to extend another with."""
    batch = StatsEntry(entry.stats, entry.name, entry.method)
    now_s = time.time()
    batch.num_requests, batch.num_failures = len(times_ms), len(troubles)
    batch.total_response_time = round(sum(times_ms))
    batch.min_response_time = round(min(times_ms)) if times_ms else None
    batch.max_response_time = round(max(times_ms, default=0))
    batch.total_content_length = size
    batch.response_times = Counter(map(bucket_response_time, times_ms))
    batch.last_request_timestamp = now_s if times_ms else None
    batch.num_reqs_per_sec = {int(now_s): len(times_ms)}
    batch.num_fail_per_sec = {int(now_s): len(troubles)} if troubles else {}
    return batch


def _why(facts: Facts) -> str:
    parts = (facts.outcome, facts.reason, facts.status, facts.error_code)
    return " ".join(str(part) for part in parts if part)

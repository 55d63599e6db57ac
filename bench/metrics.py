"""The one table of metrics: name, unit, better direction, formula in a sentence, function over arrays.

Arrays are float64, one element a request, in the units of `requests.parquet` (`_ns` columns in nanoseconds
from the run's start, counts as they are; beside them `gap_max_ns`, the longest gap between two token events,
which stands in `events.parquet`); NaN means "not reported" and stays NaN: nothing undefined becomes
0.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, Floats]
Better = Literal["lower", "higher"]

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RequestMetric:
    """A number each request has, or has not (NaN); `of` maps columns to seconds."""

    name: str
    better: Better
    formula: str
    needs: tuple[str, ...]
    of: Callable[[Columns], Floats]
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class RunMetric:
    """A number a run (or a part of it) has over its measurement window."""

    name: str
    unit: str
    better: Better
    formula: str


def _between(start: str, end: str) -> Callable[[Columns], Floats]:
    def of(columns: Columns) -> Floats:
        span = columns[end] - columns[start]
        span /= NS_PER_S  # in place: of ten million requests each copy is 80 MB
        return span

    return of


def _latency(name: str, end: str, start: str = "scheduled_ns", what: str = "") -> RequestMetric:
    return RequestMetric(name, "lower", f"{end} - {start}{what}", (start, end), _between(start, end))


def _tpot(columns: Columns) -> Floats:
    """Seconds per output token after the first; NaN with fewer than two tokens or two token events.

    NaN too where all events share an instant, as behind a proxy that holds the stream back: no time per
    token was seen, and 0 would be the best there is.

    The first event may carry several tokens. How many is not on the wire, so one is taken, which is the
    (n - 1) form of MLPerf's loadgen; the last *token* instant is used, so that a late usage chunk or
    `[DONE]` does not count as decoding.
    """
    span_s = (columns["last_token_ns"] - columns["first_token_ns"]) / NS_PER_S
    after_first = columns["out_tokens"] - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = span_s / after_first
    return np.where((after_first > 0) & (columns["events"] > 1) & (span_s > 0), tpot, np.nan)


def _ntpot(columns: Columns) -> Floats:
    e2e_s = (columns["end_ns"] - columns["scheduled_ns"]) / NS_PER_S
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(columns["out_tokens"] >= 1, e2e_s / columns["out_tokens"], np.nan)


REQUEST_METRICS: Mapping[str, RequestMetric] = {
    metric.name: metric
    for metric in (
        _latency("ttft", "first_token_ns", what=" (time to first token, from the scheduled instant)"),
        _latency("ttft_sent", "first_token_ns", "sent_ns", " (the same from the instant really sent)"),
        _latency("ttfv", "first_visible_ns", what=" (time to the first visible, non-reasoning text)"),
        RequestMetric(
            "tpot",
            "lower",
            "(last_token_ns - first_token_ns) / (out_tokens - 1), two token instants or more",
            ("first_token_ns", "last_token_ns", "out_tokens", "events"),
            _tpot,
        ),
        _latency("e2e", "end_ns", what=" (end to end)"),
        _latency("e2e_sent", "end_ns", "sent_ns", " (end to end from the instant really sent)"),
        RequestMetric(
            "ntpot",
            "lower",
            "e2e / out_tokens (normalised time per output token)",
            ("scheduled_ns", "end_ns", "out_tokens"),
            _ntpot,
        ),
        RequestMetric(
            "gap_max",
            "lower",
            "longest time between two token events of the answer, two token events or more",
            ("gap_max_ns",),
            lambda columns: columns["gap_max_ns"] / NS_PER_S,
        ),
        _latency("cold_wait", "handed_ns", "first_sent_ns", " (from the first try to the last one)"),
        _latency("send_lag", "first_sent_ns", what=" (our own lateness)"),
    )
}

RUN_METRICS: Mapping[str, RunMetric] = {
    metric.name: metric
    for metric in (
        RunMetric("offered_rate", "req/s", "higher", "requests scheduled in the window / its length"),
        RunMetric(
            "completed_rate", "req/s", "higher", "ok and degraded requests that ended in the window / length"
        ),
        RunMetric(
            "output_tokens_rate", "tok/s", "higher", "output tokens that arrived in the window / its length"
        ),
        RunMetric(
            "items_rate", "items/s", "higher", "items returned by requests that ended in the window / length"
        ),
        RunMetric(
            "attainment", "share", "higher", "requests that met every SLO clause / all that were scheduled"
        ),
        RunMetric("goodput", "req/s", "higher", "requests that met every SLO clause / window length"),
        RunMetric(
            "error_rate", "share", "lower", "requests neither ok nor degraded / all that were scheduled"
        ),
        RunMetric(
            "itl",
            "s",
            "lower",
            "pooled quantiles of the gaps between neighbouring token events of all answers due in the window",
        ),
        RunMetric(
            "stall_share",
            "share",
            "lower",
            "answers with a gap above 1 s / answers with two token events or more",
        ),
        RunMetric(
            "provisioning_delay",
            "s",
            "lower",
            "from the first refusal of a cold lane to its start, between its last refusal and first success",
        ),
    )
}


def quantiles(
    values: Floats, levels: Sequence[float], larger: int = 0, *, in_place: bool = False
) -> tuple[float, ...]:
    """The observed value at or below which each share of the requests lies (inverted-CDF order statistic).

    `larger` requests have no value but are known to be slower than any that has (timed out, unfinished):
    they take the top ranks, and a quantile that falls among them is infinite. NaN values are left out.
    NaN where there is nothing to rank. `in_place`: the values may be left in another order.
    """
    known, missing = values, np.isnan(values)
    if missing.any():
        known = values[np.flatnonzero(~missing)]  # three times as fast as by the mask
    elif not in_place:
        known = values.copy()
    n = known.size + larger
    ranks = [_rank(n, level) for level in levels]
    _place(known, [rank - 1 for rank in ranks if rank <= known.size and n])
    return tuple(_at_rank(known, rank) if n else math.nan for rank in ranks)


def _place(values: Floats, ranks: Sequence[int]) -> None:
    """Put at these ranks, in place, what would stand there if all were sorted, which for millions is slow."""
    done = 0
    for rank in sorted(set(ranks)):
        values[done:].partition(rank - done)  # up to the last one all is in place
        done = rank + 1


def quantile(values: Floats, q: float, larger: int = 0) -> float:
    """One of `quantiles`."""
    return quantiles(values, (q,), larger)[0]


def _rank(n: int, q: float) -> int:
    # The tiny subtraction keeps 0.95 * 20 = 19.000000000000004 at rank 19.
    return max(1, math.ceil(q * n - 1e-9))


def _at_rank(known: Floats, rank: int) -> float:
    return float(known[rank - 1]) if rank <= known.size else math.inf


def resolved(n: int, q: float) -> bool:
    """Whether `n` requests say enough about quantile `q` to print it: ten or more lie beyond it."""
    return n * (1 - q) >= 10 - 1e-9

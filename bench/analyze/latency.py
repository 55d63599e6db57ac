"""Quantiles that say what they rest on: how many requests, who was left out, whether the tail is resolved."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analyze.measure import GENERATION, is_any
from bench.analyze.slo import Mask
from bench.analyze.window import Value
from bench.metrics import REQUEST_METRICS, Floats, quantile, quantiles, resolved

LEVELS = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}

_STREAM_ONLY = {"ttft", "ttft_sent", "ttfv", "tpot", "gap_max"}


class Level(Value):
    """A quantile.

    `value` is None where there is nothing to rank, and where the quantile falls among the requests that
    never ended (`beyond`). `resolved` is False with fewer than ten requests beyond it: tables print `-`.
    """

    value: float | None
    beyond: bool = False
    resolved: bool

    @property
    def printable(self) -> bool:
        """Whether there is a number that may be shown."""
        return self.resolved and self.value is not None


class Spread(Value):
    """The quantiles of one metric, in seconds.

    `n` requests were ranked, `larger` of them at the top because they timed out or were unfinished.
    `left_out` counts the others that could have had the metric, by outcome; `undefined` are those that were
    answered and yet have no value. Requests that cannot have it (ttft of an encode) are not counted.
    """

    unit: str = "s"
    n: int
    larger: int
    left_out: dict[str, int]
    p50: Level
    p90: Level
    p95: Level
    p99: Level

    def level(self, name: str) -> Level:
        """`p50`, `p90`, `p95` or `p99`."""
        return {"p50": self.p50, "p90": self.p90, "p95": self.p95, "p99": self.p99}[name]


def latencies(frame: pd.DataFrame, within: Mask) -> dict[str, Spread]:
    """Every request metric over a part of `measured`."""
    found: dict[str, Spread] = {}
    for kind in dict.fromkeys(map(_kind, REQUEST_METRICS)):
        ranked = _ranked(frame, within, kind)  # of one kind at a time: they are as long as the run
        for name in filter(lambda name: _kind(name) == kind, REQUEST_METRICS):
            found[name] = _spread(frame[f"{name}_s"].to_numpy(), ranked)
    return {name: found[name] for name in REQUEST_METRICS}


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Which requests of a part are ranked, how many never ended, and who is left out, by outcome."""

    places: npt.NDArray[np.intp]
    larger: int
    left_out: dict[str, int]


def _ranked(frame: pd.DataFrame, within: Mask, kind: str) -> _Ranked:
    able = within & _able(frame, kind)
    if kind == "sent":  # known for every request that was sent, whatever became of it
        return _Ranked(np.flatnonzero(able), 0, {})
    answered, endless = frame["answered"].to_numpy(), frame["endless"].to_numpy()
    rest = counted(frame["outcome"], able & ~(answered | endless))
    return _Ranked(np.flatnonzero(able & answered), int(np.count_nonzero(able & endless)), rest)


def _spread(column: Floats, ranked: _Ranked) -> Spread:
    values, left_out = column[ranked.places], dict(ranked.left_out)
    known = values.size - int(np.count_nonzero(np.isnan(values)))
    if known < values.size:
        left_out["undefined"] = values.size - known
    n = known + ranked.larger
    found = quantiles(values, tuple(LEVELS.values()), ranked.larger, in_place=True)
    levels = {name: _level(value, n, q) for (name, q), value in zip(LEVELS.items(), found, strict=True)}
    return Spread(n=n, larger=ranked.larger, left_out=left_out, **levels)


def counted(words: "pd.Series[Any]", within: Mask) -> dict[str, int]:
    """How often each word of a category stands there, most often first; without those that do not."""
    codes = words.cat.codes.to_numpy()
    counts = np.array([np.count_nonzero(within & (codes == i)) for i in range(len(words.cat.categories))])
    order = np.argsort(-counts, kind="stable")
    return {str(words.cat.categories[i]): int(counts[i]) for i in order if counts[i]}


def ranked_values(frame: pd.DataFrame, within: Mask, metric: str) -> tuple[Floats, int]:
    """What a quantile of the metric ranks: values (s), and how many requests never ended, slower than any."""
    ranked = _ranked(frame, within, _kind(metric))
    values = frame[f"{metric}_s"].to_numpy()[ranked.places]
    return values[~np.isnan(values)], ranked.larger


def level_of(values: Floats, q: float) -> Level:
    """One quantile of values that are all known."""
    return _level(quantile(values, q), values.size, q)


def _level(value: float, n: int, q: float) -> Level:
    return Level(
        value=value if math.isfinite(value) else None,
        beyond=math.isinf(value),
        resolved=resolved(n, q),
    )


def _kind(metric: str) -> str:
    """Which requests can have a metric at all."""
    if metric in _STREAM_ONLY:
        return "stream"
    return {"send_lag": "sent", "ntpot": "generation"}.get(metric, "all")


def _able(frame: pd.DataFrame, kind: str) -> Mask:
    match kind:
        case "sent":
            return frame["sent_s"].notna().to_numpy()
        case "stream":
            return frame["stream"].to_numpy(dtype=bool)
        case "generation":
            return is_any(frame["operation"], GENERATION)
        case _:
            return np.ones(len(frame), dtype=bool)

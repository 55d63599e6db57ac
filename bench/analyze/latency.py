"""Quantiles that say what they rest on: how many requests, who was left out, whether the tail is resolved."""

import math
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.measure import GENERATION
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
    return {name: _spread(frame, within, name) for name in REQUEST_METRICS}


def _spread(frame: pd.DataFrame, within: Mask, metric: str) -> Spread:
    able = _able(frame, metric) & within
    answered, endless = _ended(frame, metric)
    values = frame[f"{metric}_s"].to_numpy()[able & answered]
    known, larger = int(np.count_nonzero(~np.isnan(values))), int(np.count_nonzero(able & endless))
    left_out = counted(frame["outcome"], able & ~answered & ~endless)
    if known < values.size:
        left_out["undefined"] = values.size - known
    n = known + larger
    found = quantiles(values, tuple(LEVELS.values()), larger)
    levels = {name: _level(value, n, q) for (name, q), value in zip(LEVELS.items(), found, strict=True)}
    return Spread(n=n, larger=larger, left_out=left_out, **levels)


def counted(words: "pd.Series[Any]", within: Mask) -> dict[str, int]:
    """How often each word of a category stands there, most often first; without those that do not."""
    codes = words.cat.codes.to_numpy()[within]
    counts = np.bincount(codes[codes >= 0], minlength=len(words.cat.categories))
    order = np.argsort(-counts, kind="stable")
    return {str(words.cat.categories[i]): int(counts[i]) for i in order if counts[i]}


def ranked_values(frame: pd.DataFrame, within: Mask, metric: str) -> tuple[Floats, int]:
    """What a quantile of the metric ranks: values (s), and how many requests never ended, slower than any."""
    able = _able(frame, metric) & within
    answered, endless = _ended(frame, metric)
    values = frame[f"{metric}_s"].to_numpy()[able & answered]
    return values[~np.isnan(values)], int(np.count_nonzero(able & endless))


def _ended(frame: pd.DataFrame, metric: str) -> tuple[Mask, Mask]:
    """Which requests have an end, and which are slower than any that has one."""
    if metric == "send_lag":  # known for every request that was sent, whatever became of it
        return np.ones(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
    return frame["answered"].to_numpy(), frame["endless"].to_numpy()


def level_of(values: Floats, q: float) -> Level:
    """One quantile of values that are all known."""
    return _level(quantile(values, q), values.size, q)


def _level(value: float, n: int, q: float) -> Level:
    return Level(
        value=value if math.isfinite(value) else None,
        beyond=math.isinf(value),
        resolved=resolved(n, q),
    )


def _able(part: pd.DataFrame, metric: str) -> Mask:
    """Which requests can have the metric at all."""
    if metric == "send_lag":
        return part["sent_s"].notna().to_numpy()
    if metric in _STREAM_ONLY:
        return part["stream"].to_numpy(dtype=bool)
    if metric == "ntpot":
        return part["operation"].isin(GENERATION).to_numpy()
    return np.ones(len(part), dtype=bool)

"""Histories whose truth is known: a run a night, on one machine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.analyze.gate import Policy, Watched
from bench.analyze.history import PastRun, Setting
from bench.analyze.moved import Series
from bench.analyze.trend import TrendReport
from bench.metrics import Floats

SETTING = Setting(scenario="made", workload="0123", model="qwen3-4b", machine="l4, load from here")
ONE_METRIC = Policy(metrics=(Watched(metric="ttft.p50", margin=0.05),))


def past_run(number: int, values: Mapping[str, float | None], **facts: Any) -> PastRun:
    """A sound run of the build of that night."""
    base: dict[str, Any] = {
        "folder": f"run-{number:03d}",
        "run_id": f"id-{number}",
        "created": f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T01:00:00Z",
        "build": f"b{number}",
        "version": "0.4.1",
        "setting": SETTING,
        "window_s": 120.0,
        "rate_per_s": 6.0,
        "requests": 1000,
        "out_tokens": 64.0,
        "tokens_source": "usage",
        "faults": (),
    }
    return PastRun(values=values, **(base | facts))


def nights(values: Floats | Sequence[float], metric: str = "ttft.p50") -> list[PastRun]:
    """A run a night with these values of one metric."""
    return [past_run(number, {metric: float(value)}) for number, value in enumerate(values)]


def noisy(random: np.random.Generator, n: int, tied: float = 0.0, spread: float = 0.02) -> Floats:
    """`n` values around 1 with this spread of their logarithm; `tied`: correlation of neighbours."""
    level, found = float(random.normal()), []
    for _ in range(n):
        found.append(level)
        level = tied * level + float(np.sqrt(1 - tied**2) * random.normal())
    return np.exp(spread * np.array(found))


def only(report: TrendReport) -> Series:
    """The one series."""
    (found,) = report.series
    return found

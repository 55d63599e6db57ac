"""Experiments of ten quiet pairs, and changes to them."""

from dataclasses import replace
from typing import Any

import numpy as np

from bench.analyze.gate import GateReport, Policy, RunRow, Watched
from tests.analyze.experiments import drawn

TTFT = Watched(metric="ttft.p95", margin=0.10)

TPOT = Watched(metric="tpot.p50", margin=0.05)

POLICY = Policy(metrics=(TTFT, TPOT))


def made(seed: int = 1, pairs: int = 10, **shifts: float) -> list[RunRow]:
    """An experiment of ten quiet pairs; shifts by metric with `_` for the dot."""
    names = {
        name.replace("_", "."): shift for name, shift in ({"ttft_p95": 0.0, "tpot_p50": 0.0} | shifts).items()
    }
    return drawn(np.random.default_rng(seed), names, spread=0.02, pairs=pairs)


def changed(rows: list[RunRow], pair: int, arm: str, **facts: Any) -> list[RunRow]:
    """The same rows with one of them changed."""
    return [replace(r, **facts) if (r.pair, r.arm) == (pair, arm) else r for r in rows]


def by_name(report: GateReport) -> dict[str, str]:
    """The verdict of each metric."""
    return {metric.name: metric.verdict for metric in report.metrics}


SOUND = made()

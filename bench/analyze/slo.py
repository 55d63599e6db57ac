"""Which requests were good enough: every clause of their class's SLO, with failures in the denominator."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analyze.window import Value
from bench.record import Outcome
from bench.scenario import Scenario

CLAUSES = ("ttft", "tpot", "e2e")

Mask = npt.NDArray[np.bool_]


class SloResult(Value):
    """How many of the offered requests were good, and what the others lacked.

    A request is good if it is `ok` and keeps every limit. Those not `ok` are in `not_ok`; those `ok` are
    counted in `missed` under each limit that they broke, so one request may stand there twice.
    """

    target: float | None
    limits_ms: dict[str, float]
    offered: int
    good: int
    not_ok: int
    missed: dict[str, int]

    @property
    def attainment(self) -> float | None:
        """good / offered; None where nothing was offered."""
        return self.good / self.offered if self.offered else None


def judge(frame: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """`has_slo`, `good`, and `missed_ttft`, `missed_tpot`, `missed_e2e` for each request.

    A limit on a metric that is undefined is skipped if such a request cannot have it (no stream; tpot of
    an answer of one token that ended by itself), and missed otherwise: nothing undefined is good.
    """
    n = len(frame)
    columns = {name: np.zeros(n, dtype=bool) for name in ("has_slo", *(f"missed_{c}" for c in CLAUSES))}
    ok = (frame["outcome"] == Outcome.OK.value).to_numpy(dtype=bool)
    for traffic in scenario.classes:
        if traffic.slo is None:
            continue
        mine = (frame["traffic_class"] == traffic.name).to_numpy(dtype=bool)
        columns["has_slo"] |= mine
        for metric, limit_ms in traffic.slo.limits_ms().items():
            columns[f"missed_{metric}"] |= mine & ok & _over(frame, metric, limit_ms)
    missed = np.logical_or.reduce([columns[f"missed_{clause}"] for clause in CLAUSES])
    columns["good"] = columns["has_slo"] & ok & ~missed
    return pd.DataFrame(columns, index=frame.index)


def _over(frame: pd.DataFrame, metric: str, limit_ms: float) -> Mask:
    value_s = frame[f"{metric}_s"].to_numpy()
    undefined = np.isnan(value_s)
    return np.where(undefined, _could_have(frame, metric), value_s > limit_ms / 1000)


def _could_have(frame: pd.DataFrame, metric: str) -> Mask:
    if metric == "e2e":
        return np.ones(len(frame), dtype=bool)
    streams = frame["stream"].to_numpy(dtype=bool)
    if metric == "ttft":
        return streams
    short = (frame["out_tokens"] <= 1).fillna(False).to_numpy(dtype=bool)
    by_itself = frame["finish_reason"].isin(("stop", "length")).to_numpy(dtype=bool)
    return streams & ~(short & by_itself)


def slo_result(
    frame: pd.DataFrame, within: Mask, target: float | None, limits_ms: Mapping[str, float]
) -> SloResult | None:
    """Count a part of the window; None where none of its classes has an SLO."""
    offered = within & frame["has_slo"].to_numpy()
    if not limits_ms and not offered.any():
        return None
    ok = (frame["outcome"] == Outcome.OK.value).to_numpy(dtype=bool)

    def count(mask: Mask) -> int:
        return int(np.count_nonzero(offered & mask))

    return SloResult(
        target=target,
        limits_ms=dict(limits_ms),
        offered=count(offered),
        good=count(frame["good"].to_numpy()),
        not_ok=count(~ok),
        missed={
            c: count(frame[f"missed_{c}"].to_numpy()) for c in CLAUSES if c in limits_ms or not limits_ms
        },
    )

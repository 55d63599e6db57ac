"""Two runs side by side: estimates with their intervals where those may be shown, and no verdict.

The noise from run to run, which one run of each cannot show, decides whether a difference means anything.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analyze.intervals import Interval, withheld, within_run
from bench.analyze.latency import LEVELS, Level
from bench.analyze.measure import measured
from bench.analyze.run import Run
from bench.analyze.summary import Summary, summarise
from bench.metrics import Floats

COMPARED = (("ttft", ("p50", "p95", "p99")), ("tpot", ("p50", "p95")), ("e2e", ("p50", "p95", "p99")))
RATES = ("offered_rate", "completed_rate", "output_tokens_rate", "items_rate", "attainment", "goodput",
         "error_rate")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantile (s) of one run, its interval, or why that is withheld."""

    level: Level
    interval: Interval | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """One quantile of one metric in both runs; `ratio`: second over first, None where either is unknown."""

    metric: str
    quantile: str
    first: Estimate
    second: Estimate
    ratio: float | None


@dataclass(frozen=True, slots=True)
class RateRow:
    """One number of both runs, per second or a share."""

    metric: str
    first: float | None
    second: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, and what makes them hard to compare (`doubts`)."""

    summaries: tuple[Summary, Summary]
    latencies: tuple[LatencyRow, ...]
    rates: tuple[RateRow, ...]
    doubts: tuple[str, ...]


def compare(first: Run, second: Run, confirmed_rate_per_s: float | None = None) -> Comparison:
    """Both runs beside each other. With the rate that the first is known to sustain, intervals are shown."""
    runs = (first, second)
    summaries = (summarise(first), summarise(second))
    frames = [frame[frame["in_window"]] for frame in map(measured, runs)]
    loads = [_load(summary, confirmed_rate_per_s) for summary in summaries]
    rows = [
        _row(
            metric, name, *(_estimate(*of, metric, name) for of in zip(summaries, frames, loads, strict=True))
        )
        for metric, names in COMPARED
        for name in names
    ]
    return Comparison(
        summaries=summaries,
        latencies=tuple(row for row in rows if row.first.level.value or row.second.level.value),
        rates=tuple(RateRow(n, *(getattr(s.overall, n) for s in summaries)) for n in RATES),
        doubts=_doubts(first, second, summaries),
    )


def _load(summary: Summary, confirmed_rate_per_s: float | None) -> float | None:
    rate_per_s = summary.run.asked_rate_per_s
    return rate_per_s / confirmed_rate_per_s if rate_per_s and confirmed_rate_per_s else None


def _row(metric: str, name: str, first: Estimate, second: Estimate) -> LatencyRow:
    values = [one.level.value for one in (first, second) if one.level.printable and one.level.value]
    return LatencyRow(metric, name, first, second, values[1] / values[0] if len(values) == 2 else None)


def _estimate(summary: Summary, inside: pd.DataFrame, load: float | None, metric: str, name: str) -> Estimate:
    spread = summary.overall.latencies[metric]
    why_not = withheld(load, spread.n, LEVELS[name])
    if why_not or not spread.n:
        return Estimate(spread.level(name), None, why_not or "no request has it")
    return Estimate(spread.level(name), within_run(_in_send_order(inside, metric), LEVELS[name]), None)


def _in_send_order(inside: pd.DataFrame, metric: str) -> Floats:
    """The ranked values in the order in which they were due; infinite where a request never ended."""
    ordered = inside.sort_values("scheduled_s", kind="stable")
    able = (
        ordered["stream"].astype(bool) if metric in {"ttft", "tpot"} else pd.Series(True, index=ordered.index)
    )
    value = ordered[f"{metric}_s"].where(~ordered["endless"], np.inf)
    ranked = able & (ordered["answered"] | ordered["endless"]) & value.notna()
    return value[ranked].to_numpy(dtype=np.float64)


def _doubts(first: Run, second: Run, summaries: tuple[Summary, Summary]) -> tuple[str, ...]:
    hashes = [run.info.schedule.get("hash") for run in (first, second)]
    doubts = [] if hashes[0] and hashes[0] == hashes[1] else ["the two runs sent different requests"]
    doubts += [
        f"{summary.run.folder} is not fit for a gate: {check.rule} {check.sentence}"
        for summary in summaries
        for check in summary.validity
        if check.status == "invalid"
    ]
    lengths = [summary.overall.lengths.got_out for summary in summaries]
    if lengths[0] and lengths[1] and abs(lengths[1] / lengths[0] - 1) > 0.02:
        doubts.append(f"the mean output differs: {lengths[0]:.1f} and {lengths[1]:.1f} tokens")
    if len({run.info.host.get("node") for run in (first, second)}) > 1:
        doubts.append("the load came from different machines")
    return tuple(doubts)

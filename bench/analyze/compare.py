"""Two sides beside each other: estimates with their intervals where those may be shown, and no verdict.

A side is a run, or several of one condition, whose requests are pooled. The noise from run to run, which one
run of each cannot show, decides whether a difference means anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from bench.analyze.intervals import LEAST_RUNS, Interval, over_runs, withheld, within_run
from bench.analyze.latency import LEVELS, Level, level_of
from bench.analyze.measure import measured
from bench.analyze.run import Run
from bench.analyze.summary import Summary, summarise
from bench.metrics import Floats

COMPARED = (("ttft", ("p50", "p95", "p99")), ("tpot", ("p50", "p95")), ("e2e", ("p50", "p95", "p99")))
RATES = ("offered_rate", "completed_rate", "output_tokens_rate", "items_rate", "attainment", "goodput",
         "error_rate")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantile (s) of one side, its interval, or why that is withheld."""

    level: Level
    interval: Interval | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """One quantile of one metric on both sides; `ratio`: second over first, None where either is unknown."""

    metric: str
    quantile: str
    first: Estimate
    second: Estimate
    ratio: float | None


@dataclass(frozen=True, slots=True)
class RateRow:
    """One number of both sides, per second or a share; of several runs their mean."""

    metric: str
    first: float | None
    second: float | None


@dataclass(frozen=True)
class Side:
    """Runs of one condition, their summaries, and their planned load relative to the confirmed rate."""

    runs: tuple[Run, ...]
    confirmed_rate_per_s: float | None

    @cached_property
    def _found(self) -> list[tuple[Summary, pd.DataFrame]]:
        frames = ((run, measured(run)) for run in self.runs)
        return [(summarise(run, frame), frame[frame["in_window"]]) for run, frame in frames]

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """One for each run."""
        return tuple(summary for summary, _ in self._found)

    @property
    def inside(self) -> tuple[pd.DataFrame, ...]:
        """The requests of each run's window."""
        return tuple(inside for _, inside in self._found)

    @property
    def load(self) -> float | None:
        """The highest planned rate over the confirmed one; None where either is unknown."""
        asked = [one.run.asked_rate_per_s for one in self.summaries]
        known = [rate_per_s for rate_per_s in asked if rate_per_s]
        if self.confirmed_rate_per_s is None or len(known) < len(asked):
            return None
        return max(known) / self.confirmed_rate_per_s


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, and what makes them hard to compare (`doubts`)."""

    sides: tuple[Side, Side]
    latencies: tuple[LatencyRow, ...]
    rates: tuple[RateRow, ...]
    doubts: tuple[str, ...]


def compare(
    first: Sequence[Run], second: Sequence[Run], confirmed_rate_per_s: float | None = None
) -> Comparison:
    """Both sides beside each other. With the rate that the first is known to sustain, intervals are shown."""
    sides = (Side(tuple(first), confirmed_rate_per_s), Side(tuple(second), confirmed_rate_per_s))
    rows = [
        _row(metric, name, *(_estimate(side, metric, name) for side in sides))
        for metric, names in COMPARED
        for name in names
    ]
    return Comparison(
        sides=sides,
        latencies=tuple(row for row in rows if row.first.level.value or row.second.level.value),
        rates=tuple(RateRow(name, *(_mean(side, name) for side in sides)) for name in RATES),
        doubts=tuple(_doubts(*sides)),
    )


def _mean(side: Side, name: str) -> float | None:
    values = [getattr(summary.overall, name) for summary in side.summaries]
    return None if None in values else float(np.mean(values))


def _row(metric: str, name: str, first: Estimate, second: Estimate) -> LatencyRow:
    values = [one.level.value for one in (first, second) if one.level.printable and one.level.value]
    return LatencyRow(metric, name, first, second, values[1] / values[0] if len(values) == 2 else None)


def _estimate(side: Side, metric: str, name: str) -> Estimate:
    q = LEVELS[name]
    runs = [_in_send_order(inside, metric) for inside in side.inside]
    level = level_of(np.concatenate(runs), q)
    if not all(run.size for run in runs):
        return Estimate(level, None, "no request has it")
    if why_not := withheld(side.load, min(run.size for run in runs), q, len(runs)):
        return Estimate(level, None, why_not)
    if 1 < len(runs) < LEAST_RUNS:
        return Estimate(level, None, f"{len(runs)} runs; an interval over runs needs {LEAST_RUNS}")
    return Estimate(level, over_runs(runs, q) if len(runs) > 1 else within_run(runs[0], q), None)


def _in_send_order(inside: pd.DataFrame, metric: str) -> Floats:
    """The ranked values in the order in which they were due; infinite where a request never ended."""
    ordered = inside.sort_values("scheduled_s", kind="stable")
    able = (
        ordered["stream"].astype(bool) if metric in {"ttft", "tpot"} else pd.Series(True, index=ordered.index)
    )
    value = ordered[f"{metric}_s"].where(~ordered["endless"], np.inf)
    ranked = able & (ordered["answered"] | ordered["endless"]) & value.notna()
    return value[ranked].to_numpy(dtype=np.float64)


def _doubts(first: Side, second: Side) -> Iterable[str]:
    hashes = [{run.info.schedule.get("hash") for run in side.runs} for side in (first, second)]
    if hashes[0] != hashes[1] or None in hashes[0]:
        one = len(first.runs) == len(second.runs) == 1
        yield "the two runs sent different requests" if one else "the two sides sent different requests"
    for summary in (*first.summaries, *second.summaries):
        for check in summary.validity:
            if check.status == "invalid":
                yield f"{summary.run.folder} is not fit for a gate: {check.rule} {check.sentence}"
    lengths = [_mean_length(side) for side in (first, second)]
    if lengths[0] and lengths[1] and abs(lengths[1] / lengths[0] - 1) > 0.02:
        yield f"the mean output differs: {lengths[0]:.1f} and {lengths[1]:.1f} tokens"
    if len({run.info.host.get("node") for run in (*first.runs, *second.runs)}) > 1:
        yield "the load came from different machines"
    targets = sorted(
        {
            run.info.target.unreal or "real" if run.info.target else "not told"
            for run in (*first.runs, *second.runs)
        }
    )
    if len(targets) > 1:
        yield f"the targets are of different kinds: {' and '.join(targets)}"
    for run in (*first.runs, *second.runs):
        if run.info.state != "complete":
            yield f"{run.folder.path.name} is {run.info.state}, not complete"


def _mean_length(side: Side) -> float | None:
    known = [one.overall.lengths.got_out for one in side.summaries if one.overall.lengths.got_out]
    return float(np.mean(known)) if known else None

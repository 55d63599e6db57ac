"""Starts, several of each lane: their curve, how far they go, and what was no evidence.

From cold, or of one worker more than a lane has: `from_workers` is how many that is, 0 from cold.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.analyze import survival
from bench.analyze.cold import Stage
from bench.analyze.experiment import Listed, listed
from bench.analyze.provisioning import Provisioning, provisioning
from bench.analyze.run import AnalysisError, Run, load
from bench.analyze.scale_out import scale_outs
from bench.analyze.window import Value
from bench.record import RunFolder

CONFIDENCE = 0.95
LEVELS = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95}


class Refused(Value):
    """A lane of a run that was no such start, and `why`."""

    folder: str
    pool: str | None
    model: str
    profile: str | None
    why: str


class ColdStart(Value):
    """A start that counts, and for how long its lanes had been seen so before (`cold_for_s`)."""

    folder: str
    cold_for_s: float | None
    start: Provisioning


class CurveStep(Value):
    """The share of starts that took no longer rises to `started` somewhere in (`low_s`, `high_s`]."""

    low_s: float
    high_s: float | None
    started: float


class Assured(Value):
    """With 95 % confidence no fewer than this `share` of all starts take no longer than `end_s`."""

    end_s: float
    share: float


class Middle(Value):
    """The median over all starts, in seconds after the demand: in (`low_s`, `high_s`].

    The medians of both ends, between which that of the starts themselves lies, wherever each was in its own.
    """

    low_s: float
    high_s: float | None


class LaneStarts(Value):
    """The starts of one lane. Seconds; shares between 0 and 1.

    `curve` is that of Kaplan and Meier (Turnbull's, as each start is known to an interval), and
    `curve_median_s` the middle of where it reaches a half; None where that is open. `longest_s` is the latest
    end of a start that was seen, which covers the share `covers` of all starts with 95 % confidence;
    `bounds` has for some quantiles the bound of the same confidence, None where the starts are too few.
    `assured` is the share that each end covers, by length. `still_cold` had not ended with their run.
    """

    pool: str | None
    model: str
    profile: str | None
    from_workers: int = 0
    count: int
    still_cold: int
    median: Middle
    curve_median_s: float | None
    registered: Middle | None
    loaded: Middle | None
    longest_s: float | None
    covers: float | None
    bounds: dict[str, float | None]
    curve: tuple[CurveStep, ...]
    assured: tuple[Assured, ...]
    starts: tuple[ColdStart, ...]


class StartsReport(Value):
    """provision.json."""

    format_version: Literal[1] = 1
    folder: str
    scenario: str
    simulated: bool
    simulation: dict[str, Any]
    from_workers: int = 0
    planned: int
    made: int
    lanes: tuple[LaneStarts, ...]
    refused: tuple[Refused, ...]

    def to_json(self) -> str:
        """The text of provision.json."""
        return self.model_dump_json(indent=2) + "\n"


def judge_start(run: Run, from_workers: int = 0) -> tuple[tuple[ColdStart, ...], tuple[Refused, ...]]:
    """The starts of a run that count as evidence, and its lanes that do not."""
    starts = scale_outs(run, from_workers) if from_workers else provisioning(run)
    found = {(start.pool, start.model, start.profile): start for start in starts}
    none = "nothing was sent to it" if from_workers else "it refused nothing as cold"
    name, said = run.folder.path.name, run.info.target
    good, bad = [], []
    for lane in _lanes(run):
        start = found.get(lane)
        why = none if start is None else start.doubt
        if start is not None and why is None:
            good.append(ColdStart(folder=name, cold_for_s=said.cold_for_s if said else None, start=start))
        else:
            pool, model, profile = lane
            bad.append(Refused(folder=name, pool=pool, model=model, profile=profile, why=str(why)))
    return tuple(good), tuple(bad)


def _lanes(run: Run) -> list[tuple[str | None, str, str | None]]:
    classes = run.scenario.classes
    lanes = [(one.pool, one.model, profile) for one in classes for profile in one.profiles or (None,)]
    return list(dict.fromkeys(lanes))


def load_starts(folder: Path) -> StartsReport:
    """What the finished runs of a provisioning experiment say.

    Raises AnalysisError where the folder is none, or holds no run that is done.
    """
    experiment = listed(folder, "provision", "bench provision")
    runs = [load(RunFolder(folder / job.folder)) for job in experiment.runs if job.done]
    if not runs:
        raise AnalysisError(f"{folder} holds no finished start yet: go on with `bench provision --resume`")
    judged = [judge_start(run, experiment.from_workers) for run in runs]
    return _report(folder, runs[0], experiment, judged)


def _report(
    folder: Path,
    first: Run,
    experiment: Listed,
    judged: Sequence[tuple[tuple[ColdStart, ...], tuple[Refused, ...]]],
) -> StartsReport:
    said = first.info.target
    simulation = said.said.get("simulated") if said else None
    return StartsReport(
        folder=folder.name,
        scenario=first.scenario.name,
        simulated=bool(said and said.simulated),
        simulation=simulation if isinstance(simulation, dict) else {},
        from_workers=experiment.from_workers,
        planned=len(experiment.runs),
        made=len(judged),
        lanes=lanes_of([one for good, _ in judged for one in good], experiment.from_workers),
        refused=tuple(one for _, bad in judged for one in bad),
    )


def lanes_of(starts: Iterable[ColdStart], from_workers: int = 0) -> tuple[LaneStarts, ...]:
    """The starts of each lane together, lanes of one profile beside each other."""
    lanes: dict[tuple[str, str, str], list[ColdStart]] = {}
    for one in starts:
        start = one.start
        lanes.setdefault((start.profile or "", start.model, start.pool or ""), []).append(one)
    return tuple(_lane(lanes[key], from_workers) for key in sorted(lanes))


def _lane(starts: Sequence[ColdStart], from_workers: int) -> LaneStarts:
    first, facts = starts[0].start, [one.start for one in starts]
    ends = sorted(start.delay_high_s for start in facts if start.delay_high_s is not None)
    shares = survival.assured(len(facts), len(ends), CONFIDENCE)
    lows = [start.delay_low_s for start in facts]
    highs = [math.inf if start.delay_high_s is None else start.delay_high_s for start in facts]
    steps = survival.curve(lows, highs)
    half = survival.quantile(steps, 0.5)
    return LaneStarts(
        pool=first.pool,
        model=first.model,
        profile=first.profile,
        from_workers=from_workers,
        count=len(facts),
        still_cold=len(facts) - len(ends),
        median=middle(lows, highs),
        curve_median_s=None if half.high is None else (half.low + half.high) / 2,
        registered=_stage([start.registered for start in facts]),
        loaded=_stage([start.loaded for start in facts]),
        longest_s=ends[-1] if ends else None,
        covers=float(shares[-1]) if ends else None,
        bounds={name: survival.bound(len(facts), ends, level, CONFIDENCE) for name, level in LEVELS.items()},
        curve=tuple(_rising(steps)),
        assured=tuple(
            Assured(end_s=end, share=float(share)) for end, share in zip(ends, shares, strict=True)
        ),
        starts=tuple(starts),
    )


def middle(lows: Sequence[float], highs: Sequence[float]) -> Middle:
    """The medians of both ends of several intervals; an end that is infinite is open."""
    low, high = float(np.median(lows)), float(np.median(highs))
    return Middle(low_s=low, high_s=None if math.isinf(high) else high)


def _stage(stages: Sequence[Stage | None]) -> Middle | None:
    """The median of those starts of which the gateway told; None where it told of none."""
    known = [stage for stage in stages if stage is not None]
    if not known:
        return None
    return middle([stage.low_s for stage in known], [stage.high_s for stage in known])


def _rising(steps: Sequence[survival.Step]) -> Iterable[CurveStep]:
    started = 0.0
    for step in steps:
        started = min(1.0, started + step.share)
        yield CurveStep(low_s=step.low, high_s=step.high, started=started)

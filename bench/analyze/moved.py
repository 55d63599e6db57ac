"""One metric of one setting through time, and when it moved.

Changes are shares of what was before (points as a share where the metric is one); positive is worse.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from bench.analyze.changes import LEAST, Split, all_splits
from bench.analyze.gate.judge import bound_of, change_of, unit_of
from bench.analyze.gate.policy import Watched
from bench.analyze.history import PastRun, Setting
from bench.analyze.window import Value
from bench.metrics import Floats

CONFIRMED = 5

LAST_POINTS = 3


class Point(Value):
    """One build (or one run, where none is named): the mean of its runs."""

    build: str | None
    folder: str
    created: str
    runs: int
    value: float


class Change(Value):
    """Where a metric moved: `folder`, `build` and `created` are of the first point after it."""

    state: Literal["confirmed", "suspected"]
    direction: Literal["worse", "better"]
    sentence: str
    build: str | None
    folder: str
    created: str
    last_build: str | None
    last_folder: str
    change: float
    p: float
    before: float
    after: float
    points_before: int
    points_after: int


class Series(Value):
    """One metric of one setting through time. `p`: of "it never moved"; null with fewer than six points."""

    setting: Setting
    name: str
    unit: str
    margin: float
    points: tuple[Point, ...]
    p: float | None
    sentence: str
    changes: tuple[Change, ...]


def told_of(gating: Sequence[Watched], runs: list[PastRun]) -> list[tuple[Watched, tuple[Point, ...]]]:
    """Each metric that some run has, with its points."""
    pairs = [(watched, tuple(_points(watched, runs))) for watched in gating]
    return [(watched, points) for watched, points in pairs if points]


def _points(watched: Watched, runs: list[PastRun]) -> list[Point]:
    """Neighbouring runs of one named build are one point; a ratio of 0 has no logarithm."""
    able = [(one, value) for one in sorted(runs, key=age_of) if (value := value_in(watched, one)) is not None]
    groups = [list(group) for _, group in groupby(able, key=lambda pair: pair[0].build or pair[0].folder)]
    return [
        Point(
            build=group[0][0].build or group[0][0].version or None,
            folder=group[0][0].folder,
            created=group[0][0].created,
            runs=len(group),
            value=_mean(watched, [value for _, value in group]),
        )
        for group in groups
    ]


def age_of(run: PastRun) -> tuple[str, str]:
    """The order of runs in time."""
    return (run.created, run.folder)


def value_in(watched: Watched, run: PastRun) -> float | None:
    """What of this run can be a point."""
    value = run.values.get(watched.name)
    return value if value is None or watched.is_share or value > 0 else None


def _mean(watched: Watched, values: list[float]) -> float:
    return float(np.mean(values)) if watched.is_share else float(np.exp(np.mean(np.log(values))))


def scaled(watched: Watched, points: Sequence[Point]) -> Floats:
    """Positive = worse, as the differences of the gate."""
    return np.array([on_scale(watched, point.value) for point in points])


def on_scale(watched: Watched, value: float) -> float:
    """A value as the differences of the gate count it: logarithms, or shares; positive = worse."""
    return (1.0 if watched.lower_is_better else -1.0) * (value if watched.is_share else math.log(value))


def series_of(
    setting: Setting,
    watched: Watched,
    points: tuple[Point, ...],
    first: Split | None,
    level: float,
    random: np.random.Generator,
) -> Series:
    """The changes of one metric: `first` is its best split, kept if its p is at most `level`."""
    values = scaled(watched, points)
    splits = all_splits(values, random, level, first) if first else []
    kept = [
        _change(watched, points, *around)
        for around in _large_enough(values, splits, bound_of(watched) / 2, len(points))
    ]
    return Series(
        setting=setting,
        name=watched.name,
        unit=unit_of(watched),
        margin=watched.margin,
        points=points,
        p=first.p if first else None,
        sentence=_series_sentence(watched, len(points), kept),
        changes=tuple(kept),
    )


def _large_enough(
    values: Floats, splits: list[Split], least: float, n: int
) -> list[tuple[Split, int, int, float]]:
    """Splits with the segments around them and their shift; the smallest falls until all are large enough.

    A shift that the last points no longer show has gone away.
    """
    while splits:
        edges = [0, *(one.at for one in splits), n]
        found = [
            (one, edges[i], edges[i + 2], _shift(values[edges[i] : one.at], values[one.at : edges[i + 2]]))
            for i, one in enumerate(splits)
        ]
        lasting = [
            min(
                abs(shift),
                _same_way(shift, _shift(values[start : one.at], values[one.at : end][-LAST_POINTS:])),
            )
            for one, start, end, shift in found
        ]
        smallest = int(np.argmin(lasting))
        if lasting[smallest] >= least:
            return found
        splits = [one for i, one in enumerate(splits) if i != smallest]
    return []


def _same_way(shift: float, other: float) -> float:
    return float(np.sign(shift) * other)


def _shift(before: Floats, after: Floats) -> float:
    """The median of all differences: a single odd point cannot move it far (Hodges and Lehmann)."""
    return float(np.median(np.subtract.outer(after, before)))


def _change(
    watched: Watched, points: Sequence[Point], split: Split, start: int, end: int, shift: float
) -> Change:
    first, last = points[split.at], points[split.at - 1]
    sides = [points[start : split.at], points[split.at : end]]
    before, after = (float(np.median([point.value for point in side])) for side in sides)
    state: Literal["confirmed", "suspected"] = "confirmed" if len(sides[1]) >= CONFIRMED else "suspected"
    direction: Literal["worse", "better"] = "worse" if shift > 0 else "better"
    change = change_of(watched, shift)
    unit = " points" if watched.is_share else " %"
    return Change(
        state=state,
        direction=direction,
        sentence=f"{state}: {watched.name} {direction} by {100 * abs(change):.3g}{unit} since "
        f"{first.build or first.folder} ({first.created[:16]}), after {last.build or last.folder}; "
        f"{len(sides[1])} points after it, p {split.p:.2g}",
        build=first.build,
        folder=first.folder,
        created=first.created,
        last_build=last.build,
        last_folder=last.folder,
        change=change,
        p=split.p,
        before=before,
        after=after,
        points_before=len(sides[0]),
        points_after=len(sides[1]),
    )


def _series_sentence(watched: Watched, points: int, changes: Sequence[Change]) -> str:
    if points <= LEAST:
        return f"{watched.name}: {points} points are too few; {LEAST + 1} are needed to suspect a change"
    if not changes:
        return f"{watched.name}: no change in {points} points"
    return changes[-1].sentence

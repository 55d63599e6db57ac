"""trend.json: the history of a workload on a machine, and when each of its metrics moved.

It answers "when", not "may this merge": builds of different days also have different days. docs/trend.md
explains each key. Changes are shares of what was before (points as a share where the metric is one);
positive is worse.
"""

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from bench.analyze.changes import LEAST, Split, all_splits, best_split
from bench.analyze.gate.judge import bound_of, change_of, unit_of
from bench.analyze.gate.policy import Policy, PolicyError, Watched
from bench.analyze.history import PastRun, RunLeftOut, Setting
from bench.analyze.window import Value
from bench.metrics import Floats

Q = 0.05
CONFIRMED = 5
LAST_POINTS = 3
SEED = 20261124


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


class TrendReport(Value):
    """The whole answer. `recent`: a change with no more points after it counts as new.

    `told`: histories long enough to be told of. `new`: what in them is new, worse, and not mended since.
    `unjudged`: why the newest runs are no part of it.
    """

    format_version: Literal[1] = 1
    sentence: str
    exit_code: int
    strict: bool
    recent: int
    runs: int
    told: int
    new: tuple[Change, ...]
    unjudged: tuple[str, ...]
    left_out: tuple[RunLeftOut, ...]
    series: tuple[Series, ...]

    def to_json(self) -> str:
        """The text of trend.json."""
        return self.model_dump_json(indent=2) + "\n"


def trend_of(
    policy: Policy,
    runs: Sequence[PastRun],
    strict: bool = False,
    recent: int = 10,
    unreadable: Sequence[RunLeftOut] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> TrendReport:
    """When the gating metrics of these runs moved. Raises PolicyError for a class that no run has."""
    gating = [watched for watched in policy.metrics if watched.role == "gating"]
    faulty = [
        RunLeftOut(folder=one.folder, reasons=one.faults, created=one.created) for one in runs if one.faults
    ]
    sound = sorted((one for one in runs if not one.faults), key=_setting)
    _refuse_unknown_classes(gating, sound)
    told = {
        (setting, watched): points
        for setting, group in groupby(sound, key=lambda one: one.setting)
        for watched, points in _told(gating, list(group))
    }
    random = np.random.default_rng(SEED)
    first: dict[tuple[Setting, Watched], Split | None] = {}
    for (setting, watched), points in told.items():
        progress(f"{setting.scenario}: {watched.name}, {len(points)} points")
        first[setting, watched] = best_split(_scaled(watched, points), random)
    level = threshold([found.p for found in first.values() if found], Q)
    series = tuple(
        _series(setting, watched, points, first[setting, watched], level, random)
        for (setting, watched), points in told.items()
    )
    new = [
        change
        for (_, watched), one in zip(told, series, strict=True)
        for change in _new(watched, one.changes, recent)
    ]
    unjudged = [*_unread(sound, unreadable), *_unjudged(gating, runs)]
    code, sentence = _answer(series, new, unjudged, recent)
    return TrendReport(
        sentence=sentence,
        exit_code=code if strict else 0,
        strict=strict,
        recent=recent,
        runs=len(sound),
        told=sum(one.p is not None for one in series),
        new=tuple(new),
        unjudged=tuple(unjudged),
        left_out=(*unreadable, *faulty),
        series=series,
    )


def threshold(p_values: Sequence[float], q: float) -> float:
    """Benjamini and Hochberg: the p up to which all count, so that of what counts a share q is chance."""
    ordered = sorted(p_values)
    steps = [q * place / len(ordered) for place in range(1, len(ordered) + 1)]
    return max((step for p, step in zip(ordered, steps, strict=True) if p <= step), default=0.0)


def _setting(run: PastRun) -> tuple[str, ...]:
    where = run.setting
    return (where.scenario, where.workload, where.model, where.machine)


def _refuse_unknown_classes(gating: Sequence[Watched], runs: Sequence[PastRun]) -> None:
    there = {name.partition(":")[0] for one in runs for name in one.values if ":" in name}
    unknown = sorted({one.traffic_class for one in gating if one.traffic_class} - there)
    if runs and unknown:
        raise PolicyError(
            f"no run has the traffic class {', '.join(unknown)}; there are: {', '.join(sorted(there))}"
        )


def _told(gating: Sequence[Watched], runs: list[PastRun]) -> list[tuple[Watched, tuple[Point, ...]]]:
    """Each metric that some run has, with its points."""
    pairs = [(watched, tuple(_points(watched, runs))) for watched in gating]
    return [(watched, points) for watched, points in pairs if points]


def _points(watched: Watched, runs: list[PastRun]) -> list[Point]:
    """Neighbouring runs of one named build are one point; a ratio of 0 has no logarithm."""
    able = [(one, value) for one in sorted(runs, key=_age) if (value := _value(watched, one)) is not None]
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


def _age(run: PastRun) -> tuple[str, str]:
    return (run.created, run.folder)


def _value(watched: Watched, run: PastRun) -> float | None:
    """What of this run can be a point."""
    value = run.values.get(watched.name)
    return value if value is None or watched.is_share or value > 0 else None


def _unread(runs: Sequence[PastRun], unreadable: Sequence[RunLeftOut]) -> list[str]:
    """Runs that cannot be read and may be the newest of their setting."""
    newest = max((one.created for one in runs), default="")
    return [
        f"the newest run {one.folder} was left out: {'; '.join(one.reasons)}"
        for one in unreadable
        if one.created is None or one.created > newest
    ]


def _unjudged(gating: Sequence[Watched], runs: Sequence[PastRun]) -> list[str]:
    """Of each setting, why its newest run is no part of its histories."""
    found = []
    for _, group in groupby(sorted(runs, key=_setting), key=_setting):
        newest = max(group, key=_age)
        if newest.faults:
            found.append(f"the newest run {newest.folder} was left out: {'; '.join(newest.faults)}")
            continue
        missing = [one.name for one in gating if _lacks(newest, one)]
        if missing:
            found.append(f"the newest run {newest.folder} lacks {', '.join(missing)}")
    return found


def _lacks(run: PastRun, watched: Watched) -> bool:
    """Whether a run has no point of a metric that its workload can have."""
    if watched.traffic_class and not any(name.startswith(f"{watched.traffic_class}:") for name in run.values):
        return False
    possible = run.values.get(watched.name, 0.0) is not None
    return possible and _value(watched, run) is None


def _mean(watched: Watched, values: list[float]) -> float:
    return float(np.mean(values)) if watched.is_share else float(np.exp(np.mean(np.log(values))))


def _scaled(watched: Watched, points: Sequence[Point]) -> Floats:
    """Positive = worse, as the differences of the gate."""
    return np.array([_on_scale(watched, point.value) for point in points])


def _on_scale(watched: Watched, value: float) -> float:
    return (1.0 if watched.lower_is_better else -1.0) * (value if watched.is_share else math.log(value))


def _series(
    setting: Setting,
    watched: Watched,
    points: tuple[Point, ...],
    first: Split | None,
    level: float,
    random: np.random.Generator,
) -> Series:
    values = _scaled(watched, points)
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


def _new(watched: Watched, changes: Sequence[Change], recent: int) -> list[Change]:
    """Worsenings that are new, but for those of which half of the margin or more no longer shows."""
    found = []
    for place, change in enumerate(changes):
        following = sum(one.points_after for one in changes[place:])
        before, now = (_on_scale(watched, value) for value in (change.before, changes[-1].after))
        lasts = change is changes[-1] or now - before >= bound_of(watched) / 2
        if change.direction == "worse" and following <= recent and lasts:
            found.append(change)
    return found


def _answer(
    series: Sequence[Series], new: Sequence[Change], unjudged: Sequence[str], recent: int
) -> tuple[int, str]:
    """The strict exit code and the sentence: what is new and worse comes first, then what is not known."""
    told = [one for one in series if one.p is not None]
    confirmed = [one for one in new if one.state == "confirmed"]
    if new:
        return (1 if confirmed else 3), (confirmed or new)[0].sentence
    if not told:
        most = max((len(one.points) for one in series), default=0)
        return 3, f"nothing can be told: the longest history has {most} points, and {LEAST + 1} are needed"
    if unjudged:
        return 3, f"not everything was judged: {unjudged[0]}"
    moved = sum(bool(one.changes) for one in told)
    also = f"; {moved} moved before or got better" if moved else ""
    return 0, f"nothing got worse in the last {recent} points of {len(told)} histories{also}"

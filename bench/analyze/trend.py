"""trend.json: the histories of every workload on every machine, and what in them is new, worse, or unjudged.

It answers "when", not "may this merge": builds of different days also have different days. docs/trend.md
explains each key.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from bench.analyze.changes import LEAST, Split, best_split
from bench.analyze.gate.judge import bound_of
from bench.analyze.gate.policy import Policy, PolicyError, Watched
from bench.analyze.history import PastRun, RunLeftOut, Setting
from bench.analyze.moved import Change, Series, age_of, on_scale, scaled, series_of, told_of, value_in
from bench.analyze.window import Value

Q = 0.05

SEED = 20261124


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
        for watched, points in told_of(gating, list(group))
    }
    random = np.random.default_rng(SEED)
    first: dict[tuple[Setting, Watched], Split | None] = {}
    for (setting, watched), points in told.items():
        progress(f"{setting.scenario}: {watched.name}, {len(points)} points")
        first[setting, watched] = best_split(scaled(watched, points), random)
    level = threshold([found.p for found in first.values() if found], Q)
    series = tuple(
        series_of(setting, watched, points, first[setting, watched], level, random)
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
        newest = max(group, key=age_of)
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
    return possible and value_in(watched, run) is None


def _new(watched: Watched, changes: Sequence[Change], recent: int) -> list[Change]:
    """Worsenings that are new, but for those of which half of the margin or more no longer shows."""
    found = []
    for place, change in enumerate(changes):
        following = sum(one.points_after for one in changes[place:])
        before, now = (on_scale(watched, value) for value in (change.before, changes[-1].after))
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

"""The trade between interactivity (tokens/s that one user sees) and cost: who is dominated, if anyone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.analyze.gate.table import Absent
from bench.analyze.profiles.design import CONDITIONS, Condition, Design
from bench.analyze.profiles.money import HOUR_S, MILLION, Money
from bench.analyze.profiles.rows import ProfileRun, at_rate
from bench.analyze.window import Value
from bench.metrics import Floats

RESAMPLES = 4000
SURE = 0.95
LEAST_RUNS = 10
TPOT, TOKENS = "tpot.p50", "output_tokens_rate"

Standing = Literal["dominated", "not separable"]


class Point(Value):
    """A profile at a load: 1 / TPOT p50 in tokens/s a user, and the cost of a million output tokens.

    Geometric means over `runs` runs, with the middle 95 % of the resamples. `dominated_by` is the point that
    is best placed against it, and `probability` that it is as good in both, over the same resamples.
    """

    profile: str
    condition: Condition
    rate_per_s: float
    runs: int
    tokens_per_s: float
    tokens_per_s_low: float
    tokens_per_s_high: float
    per_million: float
    per_million_low: float
    per_million_high: float
    dominated_by: str | None
    probability: float
    standing: Standing
    each: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Cloud:
    """A point in each of its runs (by seed): logs of interactivity and of cost, a row each."""

    profile: str
    condition: Condition
    rate_per_s: float
    seeds: tuple[int, ...]
    logs: Floats

    @property
    def name(self) -> str:
        return name_of(self.profile, self.rate_per_s)


def name_of(profile: str, rate_per_s: float) -> str:
    """How a point is called."""
    return f"{profile} at {rate_per_s:.3g}/s"


def pareto(design: Design, runs: Sequence[ProfileRun], money: Money, seed: int = 1) -> tuple[Point, ...]:
    """Every profile at every load; empty where no answer is streamed.

    Runs are resampled as a whole, those with one seed together, as they were made: a bootstrap over runs.
    """
    clouds = list(_clouds(design, runs, money))
    seeds = sorted({number for cloud in clouds for number in cloud.seeds})
    if len(seeds) < 2:
        return ()
    drawn = np.random.default_rng(seed).integers(0, len(seeds), size=(RESAMPLES, len(seeds)))
    counts = np.stack([(drawn == number).sum(axis=1) for number in range(len(seeds))], axis=1)
    means = [_means(cloud, counts, seeds) for cloud in clouds]
    return tuple(_point(number, clouds, means) for number in range(len(clouds)))


def _clouds(design: Design, runs: Sequence[ProfileRun], money: Money) -> Iterator[_Cloud]:
    seen: set[tuple[str, float]] = set()
    for condition in CONDITIONS:
        for profile in design.searched:
            rate = design.rate_per_s(condition, profile)
            known = {
                s: logs for s, run in at_rate(runs, profile, rate).items() if (logs := _logs(run, money))
            }
            if (profile, rate) not in seen and len(known) > 1:
                seen.add((profile, rate))
                yield _Cloud(profile, condition, rate, tuple(known), np.array(list(known.values())))


def _logs(run: ProfileRun, money: Money) -> tuple[float, float] | None:
    tpot_s, tokens = (run.values.get(name) for name in (TPOT, TOKENS))
    if isinstance(tpot_s, Absent) or isinstance(tokens, Absent) or not tpot_s or not tokens:
        return None
    cost = money.per_hour(run.profile) / (HOUR_S * tokens) * MILLION
    return float(-np.log(tpot_s)), float(np.log(cost))


def _means(cloud: _Cloud, counts: Floats, seeds: Sequence[int]) -> Floats:
    """The mean of each resample, a row each; where none of its runs was drawn, that of all."""
    mine = counts[:, [seeds.index(number) for number in cloud.seeds]]
    total = mine.sum(axis=1, keepdims=True)
    means: Floats = np.where(total > 0, mine @ cloud.logs / np.maximum(total, 1), cloud.logs.mean(axis=0))
    return means


def _point(number: int, clouds: Sequence[_Cloud], means: Sequence[Floats]) -> Point:
    cloud, mine = clouds[number], means[number]
    rivals = {
        other.name: float(np.mean(_dominates(theirs, mine)))
        for other, theirs in zip(clouds, means, strict=True)
        if other is not cloud
    }
    rival = max(rivals, key=rivals.__getitem__, default=None)
    probability = rivals[rival] if rival else 0.0
    enough = min(len(one.seeds) for one in clouds if one is cloud or one.name == rival) >= LEAST_RUNS
    low, high = np.exp(np.quantile(mine, [0.025, 0.975], axis=0))
    speed, cost = np.exp(cloud.logs.mean(axis=0))
    return Point(
        profile=cloud.profile,
        condition=cloud.condition,
        rate_per_s=cloud.rate_per_s,
        runs=len(cloud.seeds),
        tokens_per_s=float(speed),
        tokens_per_s_low=float(low[0]),
        tokens_per_s_high=float(high[0]),
        per_million=float(cost),
        per_million_low=float(low[1]),
        per_million_high=float(high[1]),
        dominated_by=rival,
        probability=probability,
        standing="dominated" if probability >= SURE and enough else "not separable",
        each=tuple((float(a), float(b)) for a, b in np.exp(cloud.logs)),
    )


def _dominates(theirs: Floats, mine: Floats) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """As quick and as cheap, and better in one."""
    faster, cheaper = theirs[:, 0] - mine[:, 0], mine[:, 1] - theirs[:, 1]
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (faster >= 0) & (cheaper >= 0) & ((faster > 0) | (cheaper > 0))
    )
    return found


def pareto_sentence(points: Sequence[Point]) -> str:
    """Who is dominated, and why nobody can be told where the runs are few."""
    if not points:
        return "No trade can be shown: it needs streamed answers with tokens, in two runs of each profile."
    beaten = [one for one in points if one.standing == "dominated"]
    told = [f"{name_of(one.profile, one.rate_per_s)} is dominated by {one.dominated_by}" for one in beaten]
    fewest = min(one.runs for one in points)
    if not told and fewest < LEAST_RUNS:
        return (
            f"Not separable: with {fewest} runs a point no point is called dominated; that takes "
            f"{LEAST_RUNS} (--runs {LEAST_RUNS})."
        )
    return "; ".join(told) + "." if told else "Not separable: no point is dominated with 95 % probability."

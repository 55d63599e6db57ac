"""How the ranking changes with the SLO: the runs that were made, judged under stricter and laxer limits.

The runs were made around what the asked SLO allows, so under other limits they show where the rate lies only
as far as they reach: between two rates that were tried, below the lowest, or above the highest.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from bench.analyze.measure import measured
from bench.analyze.profiles.money import Money
from bench.analyze.profiles.searched import Searched
from bench.analyze.run import Run, load
from bench.analyze.sustained import kept_under
from bench.analyze.window import Value
from bench.record import RunFolder
from bench.scenario import Scenario

SCALES = (0.5, 1.0, 2.0)
ASKED = 1.0


class Reached(Value):
    """What a replica of a profile sustains under the scaled SLO: from `low_per_s` on up to `high_per_s`.

    Requests/s; None: no run that was made went so low (high). Of the asked SLO, confirmed and refuted.
    """

    profile: str
    low_per_s: float | None
    high_per_s: float | None


class Scaled(Value):
    """Every limit of the SLO times `scale`, what each profile then sustains, and who is cheaper."""

    scale: float
    reached: tuple[Reached, ...]
    cheaper: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Attained:
    """One run: its rate (one replica), requests offered, and its attainment under each of `SCALES`."""

    rate_per_s: float
    offered: int
    shares: Mapping[float, float]


def attained(
    searched: Searched,
    more: Sequence[tuple[RunFolder, float]] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> list[Attained]:
    """Every run of a search at a rate, and `more` runs at the rate of a replica, under each scale."""
    made = [
        (RunFolder(searched.folder / run.folder), run.rate_per_s / searched.replicas)
        for run in searched.runs
        if run.stage != "ceiling"
    ]
    found = []
    for folder, rate_per_s in (*made, *more):
        tell(f"{folder.path.name} under other limits")
        found.append(_attained(load(folder), rate_per_s, searched.attainment))
    return found


def _attained(run: Run, rate_per_s: float, target: float) -> Attained:
    frame = measured(run)
    shares = {scale: kept_under(frame, scaled_slo(run.scenario, scale), target) for scale in SCALES}
    known = {scale: share for scale, share in shares.items() if share is not None}
    return Attained(rate_per_s, int(frame["in_window"].sum()), known)


def scaled_slo(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with every limit of its SLOs times a factor; the attainment stays."""
    classes = []
    for traffic in scenario.classes:
        limits_ms = traffic.slo.limits_ms() if traffic.slo else {}
        scaled_ms = {f"{name}_ms": ms * scale for name, ms in limits_ms.items()}
        slo = traffic.slo.model_copy(update=scaled_ms) if traffic.slo else None
        classes.append(traffic.model_copy(update={"slo": slo}))
    return scenario.model_copy(update={"classes": tuple(classes)})


def reached(profile: str, runs: Sequence[Attained], scale: float, target: float) -> Reached:
    """Between which two of the rates tried the attainment falls below the target, made to fall only."""
    known = [run for run in runs if scale in run.shares and run.offered]
    rates = sorted({run.rate_per_s for run in known})
    low = high = None
    if rates:
        alike = [[run for run in known if run.rate_per_s == rate] for rate in rates]
        weights = [sum(run.offered for run in group) for group in alike]
        shares = [
            sum(run.shares[scale] * run.offered for run in group) / weight
            for group, weight in zip(alike, weights, strict=True)
        ]
        fit = np.asarray(isotonic_regression(shares, weights=weights, increasing=False).x)
        kept = int(np.count_nonzero(fit >= target - 1e-12))
        low = rates[kept - 1] if kept else None
        high = rates[kept] if kept < len(rates) else None
    return Reached(profile=profile, low_per_s=low, high_per_s=high)


def scaled(
    scale: float, searched: Mapping[str, Searched], runs: Mapping[str, Sequence[Attained]], money: Money
) -> Scaled:
    """Each profile under one scale, and the ranking by cost."""
    found = tuple(
        Reached(profile=name, low_per_s=one.confirmed_per_s, high_per_s=one.refuted_per_s)
        if scale == ASKED
        else reached(name, runs[name], scale, one.attainment)
        for name, one in searched.items()
    )
    cheaper = _cheapest(found, money)
    return Scaled(scale=scale, reached=found, cheaper=cheaper, sentence=_sentence(scale, found, cheaper))


def _cheapest(found: Sequence[Reached], money: Money) -> str | None:
    """The profile that is cheaper than every other, wherever in their brackets they are; or None."""
    most = {
        one.profile: money.per_million(one.profile, one.low_per_s) if one.low_per_s else math.inf
        for one in found
    }
    least = {
        one.profile: money.per_million(one.profile, one.high_per_s) if one.high_per_s else 0.0
        for one in found
    }
    best = min(most, key=most.__getitem__)
    return best if all(most[best] < least[name] for name in least if name != best) else None


def _sentence(scale: float, found: Sequence[Reached], cheaper: str | None) -> str:
    told = "; ".join(f"{one.profile} {_between(one)}" for one in found)
    ends = f"{cheaper} is cheaper" if cheaper else "not separable: the brackets of the cost overlap"
    source = "as confirmed and refuted" if scale == ASKED else "by the runs made, nothing confirmed"
    return f"limits times {scale:g} ({source}): {told}; {ends}"


def _between(one: Reached) -> str:
    if one.low_per_s is None and one.high_per_s is None:
        return "no run tells"
    if one.low_per_s is None:
        return f"below {one.high_per_s:.3g}/s, the lowest rate tried"
    return f"{one.low_per_s:.3g}/s or more" + (f", below {one.high_per_s:.3g}/s" if one.high_per_s else "")


def limits_sentence(found: Sequence[Scaled]) -> str:
    """Whether the ranking holds under other limits."""
    named = {one.cheaper for one in found if one.cheaper}
    open_at = [f"{one.scale:g}" for one in found if one.cheaper is None]
    if len(named) > 1:
        turned = ", ".join(f"{one.cheaper} at {one.scale:g}" for one in found if one.cheaper)
        return f"The ranking turns with the SLO: cheapest is {turned} times the limits."
    if open_at:
        what = f"Cheapest is {next(iter(named))} where it can be told, but" if named else "By cost"
        return f"{what} the profiles are not separable at {', '.join(open_at)} times the limits."
    return f"The ranking holds: {next(iter(named))} is cheapest at half, once and twice the limits."

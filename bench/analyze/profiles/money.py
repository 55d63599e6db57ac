"""Equal SLO and equal money: what a replica sustains, what that costs, and at which price the ranking turns.

What a replica sustains is known between the rate that its search confirmed and the lowest that it refuted.
No distribution stands behind that bracket: each end is a test that errs with 5 % at most, so both ends of a
ratio of two brackets hold together with 80 % or more (four tests), and each end with 90 %.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analyze.plan import Prices
from bench.analyze.profiles.searched import Searched
from bench.analyze.run import AnalysisError
from bench.analyze.window import Value

MILLION = 1e6
HOUR_S = 3600.0


class Sustained(Value):
    """What one replica of a profile sustains under the SLO (requests/s), and what that costs.

    `per_million` is the cost of a million (output tokens, or requests: `unit` of the report) of a replica
    that is always loaded to the confirmed rate, `per_million_low` of one loaded to what was refuted: what it
    costs really lies between, and never below unless the refuted rate is unknown (None).
    """

    profile: str
    replicas: int
    confirmed_per_s: float
    estimate_per_s: float | None
    refuted_per_s: float | None
    per_hour: float
    price: str
    per_million: float
    per_million_low: float | None


class Bracket(Value):
    """A ratio to the reference, between `low` and `high`; None is an end that is not known.

    `ratio` is that of what both confirmed.
    """

    ratio: float
    low: float | None
    high: float | None

    def separates(self) -> bool:
        """Whether 1 lies outside."""
        return (self.low is not None and self.low > 1) or (self.high is not None and self.high < 1)


class EqualSlo(Value):
    """A profile against the reference at equal SLO: the highest rate, the cost, and where they turn.

    `break_even_per_hour`: the price of the profile at which both cost the same, at the price that the
    reference has; `break_even_low`, `break_even_high` by the bracket of the rates.
    """

    profile: str
    rate: Bracket
    rate_sentence: str
    cost: Bracket
    cost_sentence: str
    break_even_per_hour: float
    break_even_low: float | None
    break_even_high: float | None
    price_sentence: str


class Bought(Value):
    """What a budget buys of a profile: whole replicas, and the requests/s that they sustain under the SLO.

    `exact_per_s` is what the money would buy if replicas could be divided.
    """

    profile: str
    replicas: int
    confirmed_per_s: float
    refuted_per_s: float | None
    exact_per_s: float
    exact_refuted_per_s: float | None


@dataclass(frozen=True, slots=True)
class Money:
    """Prices, and what is counted: a million output tokens where a request has some, else requests."""

    prices: Prices
    out_tokens: float | None

    @property
    def unit(self) -> Literal["output tokens", "requests"]:
        """Of what a million is paid for."""
        return "output tokens" if self.out_tokens else "requests"

    def per_hour(self, profile: str) -> float:
        """Of one replica."""
        return self.prices.profiles[profile].per_hour

    def per_million(self, profile: str, rate_per_s: float) -> float:
        """Of a replica that serves so many requests/s."""
        return self.per_hour(profile) / (HOUR_S * rate_per_s * (self.out_tokens or 1.0)) * MILLION

    def told(self, profile: str) -> str:
        """The price in words."""
        price = self.prices.profiles[profile]
        parts = (price.machine, price.as_of, price.certainty and f"certainty {price.certainty}", price.source)
        return "; ".join((f"{price.per_hour:g} {self.prices.currency}/h", *filter(None, parts)))


def refuse_unpriced(prices: Prices, profiles: Iterable[str]) -> None:
    """Raise AnalysisError for a profile without a price."""
    for name in profiles:
        if name not in prices.profiles:
            raise AnalysisError(
                f"{name}: no price: give one with --prices FILE, as `profiles: {{{name}: 1.23}}` (known: "
                f"{', '.join(prices.profiles)})"
            )


def sustained(searched: Searched, money: Money) -> Sustained:
    """A profile's rates with their cost."""
    name, refuted = searched.profile, searched.refuted_per_s
    return Sustained(
        profile=name,
        replicas=searched.replicas,
        confirmed_per_s=searched.confirmed_per_s,
        estimate_per_s=searched.estimate_per_s,
        refuted_per_s=refuted,
        per_hour=money.per_hour(name),
        price=money.told(name),
        per_million=money.per_million(name, searched.confirmed_per_s),
        per_million_low=None if refuted is None else money.per_million(name, refuted),
    )


def equal_slo(one: Sustained, reference: Sustained, money: Money) -> EqualSlo:
    """A profile against the reference, each loaded to what it sustains."""
    rate = bracket(
        (one.confirmed_per_s, one.refuted_per_s), (reference.confirmed_per_s, reference.refuted_per_s)
    )
    dearer = one.per_hour / reference.per_hour
    cost = Bracket(
        ratio=dearer / rate.ratio,
        low=None if rate.high is None else dearer / rate.high,
        high=None if rate.low is None else dearer / rate.low,
    )
    even = [None if part is None else part * reference.per_hour for part in (rate.low, rate.ratio, rate.high)]
    found = EqualSlo(
        profile=one.profile,
        rate=rate,
        rate_sentence=_rate_sentence(one, reference, rate),
        cost=cost,
        cost_sentence=_cost_sentence(one, reference, cost, money),
        break_even_per_hour=even[1] or 0.0,
        break_even_low=even[0],
        break_even_high=even[2],
        price_sentence="",
    )
    return found.model_copy(update={"price_sentence": _price_sentence(found, one, reference, money)})


def bracket(ours: tuple[float, float | None], theirs: tuple[float, float | None]) -> Bracket:
    """The ratio of two rates that are each known between two ends, of which the upper may be missing."""
    return Bracket(
        ratio=ours[0] / theirs[0],
        low=None if theirs[1] is None else ours[0] / theirs[1],
        high=None if ours[1] is None else ours[1] / theirs[0],
    )


def between(found: Bracket) -> str:
    """The ends in words."""
    if found.low is None and found.high is None:
        return "neither was refuted above, so nothing bounds it"
    if found.high is None:
        return f"{found.low:.3g} or more"
    return f"at most {found.high:.3g}" if found.low is None else f"{found.low:.3g} to {found.high:.3g}"


def _rate_sentence(one: Sustained, reference: Sustained, rate: Bracket) -> str:
    told = (
        f"a replica of {one.profile} sustains {rate.ratio:.3g} times the rate of one of {reference.profile}"
    )
    if not rate.separates():
        return f"not separable: {told} by what is confirmed, and the bracket ({between(rate)}) covers 1"
    return f"{told} under this SLO (between confirmed and refuted: {between(rate)})"


def _cost_sentence(one: Sustained, reference: Sustained, cost: Bracket, money: Money) -> str:
    what = f"a million {money.unit} at the confirmed rates"
    prices = (f"{_money(each.per_million, money)} on {each.profile}" for each in (one, reference))
    told = f"{what} costs {' and '.join(prices)}"
    if not cost.separates():
        return (
            f"not separable: {told}, a ratio of {cost.ratio:.3g}, and its bracket ({between(cost)}) covers 1"
        )
    cheaper = one.profile if cost.ratio < 1 else reference.profile
    return f"{cheaper} is cheaper: {told}, a ratio of {cost.ratio:.3g} (bracket {between(cost)})"


def _price_sentence(found: EqualSlo, one: Sustained, reference: Sustained, money: Money) -> str:
    ends = Bracket(ratio=found.break_even_per_hour, low=found.break_even_low, high=found.break_even_high)
    turns = (
        f"at {_money(reference.per_hour, money)}/h for {reference.profile} the ranking turns where "
        f"{one.profile} costs {_money(found.break_even_per_hour, money)}/h (bracket {between(ends)}); its "
        f"price is {_money(one.per_hour, money)}/h"
    )
    if not found.cost.separates():
        return f"{turns}, inside the bracket: a small change of price decides"
    away = abs(found.break_even_per_hour / one.per_hour - 1)
    word = "fall" if found.cost.ratio > 1 else "rise"
    return f"{turns}, which would have to {word} by {away:.0%}"


def _money(amount: float, money: Money) -> str:
    return f"{amount:.3g} {money.prices.currency}"


def bought(one: Sustained, budget_per_hour: float) -> Bought:
    """What a budget (money an hour) buys of a profile."""
    exact = budget_per_hour / one.per_hour
    whole = math.floor(exact + 1e-9)
    refuted = one.refuted_per_s
    return Bought(
        profile=one.profile,
        replicas=whole,
        confirmed_per_s=whole * one.confirmed_per_s,
        refuted_per_s=None if refuted is None else whole * refuted,
        exact_per_s=exact * one.confirmed_per_s,
        exact_refuted_per_s=None if refuted is None else exact * refuted,
    )


def bought_sentence(found: Sequence[Bought], budget_per_hour: float, currency: str) -> str:
    """What the same money buys of each, and which of them surely buys most."""
    told = "; ".join(
        f"{one.replicas} {one.profile} for {one.confirmed_per_s:.3g} requests/s"
        + (f" (refuted from {one.refuted_per_s:.3g})" if one.refuted_per_s else "")
        for one in found
    )
    best = max(found, key=lambda one: one.confirmed_per_s)
    rest = [one for one in found if one is not best]
    sure = all(one.refuted_per_s is not None and best.confirmed_per_s > one.refuted_per_s for one in rest)
    most = f"most is bought with {best.profile}" if sure else "which buys most is not separable"
    return f"{budget_per_hour:.4g} {currency}/h buys {told}: in whole replicas {most}"

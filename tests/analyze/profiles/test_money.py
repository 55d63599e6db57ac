"""Equal SLO and equal money."""

import pytest

from bench.analyze.plan import Price, Prices
from bench.analyze.profiles.money import (
    Bracket,
    Money,
    Sustained,
    bought,
    bought_sentence,
    bracket,
    equal_slo,
)

PRICES = Prices(profiles={"l4": Price(per_hour=0.80), "a100": Price(per_hour=3.70)})
MONEY = Money(PRICES, 180.0)


def sustains(name: str, confirmed: float, refuted: float | None) -> Sustained:
    """A profile with its cost."""
    return Sustained(
        profile=name,
        replicas=1,
        confirmed_per_s=confirmed,
        estimate_per_s=None,
        refuted_per_s=refuted,
        per_hour=MONEY.per_hour(name),
        price="",
        per_million=MONEY.per_million(name, confirmed),
        per_million_low=None if refuted is None else MONEY.per_million(name, refuted),
    )


def test_the_costs_of_the_plan_and_the_price_at_which_they_turn() -> None:
    """L4 at 1.90/s, A100 at 9.5/s, 180 tokens: 0.650 and 0.601 USD; equal at five times the price."""
    l4, a100 = sustains("l4", 1.90, 2.0), sustains("a100", 9.5, 10.0)
    assert (l4.per_million, a100.per_million) == pytest.approx((0.650, 0.601), abs=0.0005)
    found = equal_slo(a100, l4, MONEY)
    assert found.rate.ratio == pytest.approx(5.0)
    assert (found.rate.low, found.rate.high) == pytest.approx((9.5 / 2.0, 10.0 / 1.90))
    assert found.break_even_per_hour == pytest.approx(4.00)
    assert (found.break_even_low, found.break_even_high) == pytest.approx((3.80, 4.21), abs=0.005)
    assert found.cost_sentence.startswith("a100 is cheaper: a million output tokens")
    assert "would have to rise by 8%" in found.price_sentence


def test_a_bracket_that_covers_one_is_not_separable() -> None:
    """Rate and cost alike; then a small change of price decides."""
    l4, a100 = sustains("l4", 1.90, 2.3), sustains("a100", 9.0, 10.5)
    found = equal_slo(a100, l4, MONEY)
    assert found.cost_sentence.startswith("not separable: ")
    assert "a small change of price decides" in found.price_sentence
    same = equal_slo(sustains("l4", 1.90, 2.0), sustains("l4", 1.92, 2.0), MONEY)
    assert same.rate_sentence.startswith("not separable: ")


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((3.0, 4.0), (1.0, 2.0), Bracket(ratio=3.0, low=1.5, high=4.0)),
        ((3.0, None), (1.0, 2.0), Bracket(ratio=3.0, low=1.5, high=None)),
        ((3.0, 4.0), (1.0, None), Bracket(ratio=3.0, low=None, high=4.0)),
    ],
)
def test_an_end_that_was_not_refuted_is_open(
    ours: tuple[float, float | None], theirs: tuple[float, float | None], expected: Bracket
) -> None:
    """Nothing is made up for it, and only a known end can separate."""
    assert bracket(ours, theirs) == expected
    assert expected.separates() == (expected.low is not None)


def test_money_buys_whole_replicas() -> None:
    """Four L4 for the price of one A100, with change; and the most only where it is sure."""
    l4, a100 = (bought(one, 3.70) for one in (sustains("l4", 1.90, 2.0), sustains("a100", 9.5, 10.0)))
    assert (l4.replicas, a100.replicas) == (4, 1)
    assert l4.confirmed_per_s == pytest.approx(7.6)
    assert l4.exact_per_s == pytest.approx(4.625 * 1.9)
    assert "most is bought with a100" in bought_sentence([l4, a100], 3.70, "USD")
    near = bought(sustains("l4", 2.2, 2.6), 3.70)
    assert "which buys most is not separable" in bought_sentence([near, a100], 3.70, "USD")


def test_without_tokens_a_million_requests_are_paid_for() -> None:
    """An encode has none."""
    money = Money(PRICES, None)
    assert money.unit == "requests"
    assert money.per_million("l4", 10.0) == pytest.approx(0.80 / 36000 * 1e6)

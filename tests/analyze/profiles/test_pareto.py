"""Who is dominated, and only where the runs say so."""

import numpy as np
import pytest

from bench.analyze.plan import Price, Prices
from bench.analyze.profiles import Design, ProfileRun
from bench.analyze.profiles.money import Money
from bench.analyze.profiles.pareto import pareto, pareto_sentence
from tests.analyze.profiles.rows import run_of
from tests.experiment.twins import searched

MONEY = Money(Prices(profiles={"l4": Price(per_hour=1.0), "a100": Price(per_hour=1.0)}), 16.0)


def runs_of(profile: str, count: int, tpot_s: float, tokens: float, spread: float = 0.03) -> list[ProfileRun]:
    """Runs at one rate."""
    random = np.random.default_rng([len(profile), count])
    noise = random.lognormal(0, spread, (count, 2))
    return [
        run_of(profile, seed, {"tpot.p50": tpot_s * a, "output_tokens_rate": tokens * b}, 7.0)
        for seed, (a, b) in enumerate(noise)
    ]


def design() -> Design:
    """Two profiles at one rate."""
    return Design({name: searched(name, 10.0) for name in ("l4", "a100")}, "l4", 0.7, 7.0)


def test_a_point_is_dominated_where_ten_runs_of_both_say_so() -> None:
    """Quicker and cheaper by a fifth, with 3 % of noise: yes with ten runs, never with nine."""
    for count, standing in ((10, "dominated"), (9, "not separable")):
        runs = [*runs_of("l4", count, 0.024, 1000), *runs_of("a100", count, 0.020, 1200)]
        l4, a100 = pareto(design(), runs, MONEY)
        assert (l4.profile, l4.standing, l4.dominated_by) == ("l4", standing, "a100 at 7/s")
        assert l4.probability > 0.99
        assert a100.standing == "not separable"
        assert a100.probability < 0.01
        assert ("dominated by a100 at 7/s" in pareto_sentence([l4, a100])) == (count == 10)


def test_a_trade_is_no_dominance() -> None:
    """Quicker and dearer: both stay."""
    runs = [*runs_of("l4", 12, 0.024, 1200), *runs_of("a100", 12, 0.020, 1000)]
    points = pareto(design(), runs, MONEY)
    assert {one.standing for one in points} == {"not separable"}
    assert pareto_sentence(points).startswith("Not separable: no point is dominated")


def test_a_difference_within_the_noise_is_no_dominance() -> None:
    """Better by 1 % in both, with 10 % of noise."""
    runs = [*runs_of("l4", 10, 0.0202, 1000, 0.1), *runs_of("a100", 10, 0.0200, 1010, 0.1)]
    assert {one.standing for one in pareto(design(), runs, MONEY)} == {"not separable"}


def test_the_point_is_the_mean_of_its_runs_and_lies_in_its_bars() -> None:
    """1 / TPOT, and price / tokens."""
    runs = [*runs_of("l4", 10, 0.020, 1000, 0.0), *runs_of("a100", 10, 0.020, 1000)]
    l4, a100 = pareto(design(), runs, MONEY)
    assert (l4.tokens_per_s, l4.per_million) == pytest.approx((50.0, 1e6 / 3.6e6))
    assert a100.tokens_per_s_low < a100.tokens_per_s < a100.tokens_per_s_high
    assert len(a100.each) == 10


def test_without_streams_there_is_no_trade() -> None:
    """And the sentence says so."""
    points = pareto(design(), [run_of("l4", seed, rate_per_s=7.0) for seed in range(5)], MONEY)
    assert points == ()
    assert pareto_sentence(points).startswith("No trade can be shown")

"""When a metric moved: histories whose truth is known (T14 in small)."""

import numpy as np
import pytest

from bench.analyze.gate import Policy, Watched
from bench.analyze.trend import trend_of
from tests.analyze.pasts import ONE_METRIC, nights, noisy, only, past_run


def test_a_step_is_found_where_it_is() -> None:
    """Twenty nights, then ten that are 10 % slower: confirmed, worse, at the right build."""
    values = noisy(np.random.default_rng(3), 30)
    values[20:] *= 1.10
    report = trend_of(ONE_METRIC, nights(values))
    (change,) = only(report).changes
    assert (change.state, change.direction, change.build) == ("confirmed", "worse", "b20")
    assert (change.last_build, change.points_before, change.points_after) == ("b19", 20, 10)
    assert change.change == pytest.approx(0.10, abs=0.02)
    assert change.after / change.before == pytest.approx(1.10, abs=0.02)
    assert "worse by" in report.sentence
    assert "since b20" in report.sentence
    assert report.exit_code == 0


def test_a_step_of_a_few_nights_is_suspected() -> None:
    """Three points after it are not five."""
    values = noisy(np.random.default_rng(4), 30)
    values[27:] *= 1.15
    (change,) = only(trend_of(ONE_METRIC, nights(values))).changes
    assert (change.state, change.points_after) == ("suspected", 3)


def test_what_went_away_is_no_change() -> None:
    """Three slow nights, and three as before."""
    values = noisy(np.random.default_rng(5), 30)
    values[24:27] *= 1.2
    assert only(trend_of(ONE_METRIC, nights(values))).changes == ()


def test_up_and_down_again_are_two_changes() -> None:
    """Ten slow nights in the middle; the second change is for the better."""
    values = noisy(np.random.default_rng(6), 40)
    values[15:25] *= 1.15
    changes = only(trend_of(ONE_METRIC, nights(values))).changes
    assert [(one.direction, one.build) for one in changes] == [("worse", "b15"), ("better", "b25")]


def test_a_change_far_below_the_margin_is_none() -> None:
    """A sure step of 1 % where 5 % are tolerated."""
    values = noisy(np.random.default_rng(7), 60, spread=0.001)
    values[30:] *= 1.01
    series = only(trend_of(ONE_METRIC, nights(values)))
    assert series.p is not None
    assert series.p < 0.01
    assert series.changes == ()


def test_a_falling_rate_is_worse_and_shares_move_in_points() -> None:
    """Tokens per second fall by 10 %; two points of attainment are lost."""
    random = np.random.default_rng(8)
    rates, shares = noisy(random, 30), 0.99 + 0.001 * random.normal(size=30)
    rates[15:] /= 1.10
    shares[15:] -= 0.02
    runs = [
        past_run(i, {"output_tokens_rate": float(rate), "attainment": float(share)})
        for i, (rate, share) in enumerate(zip(rates, shares, strict=True))
    ]
    policy = Policy(
        metrics=(Watched(metric="output_tokens_rate", margin=0.05), Watched(metric="attainment", margin=0.01))
    )
    found = {one.name: one.changes[-1] for one in trend_of(policy, runs).series}
    assert {change.direction for change in found.values()} == {"worse"}
    assert found["output_tokens_rate"].change == pytest.approx(1 - 1 / 1.10, abs=0.02)
    assert found["attainment"].change == pytest.approx(0.02, abs=0.002)


def test_runs_of_one_build_are_one_point() -> None:
    """Neighbours with the same label; runs without one stand for themselves."""
    runs = [past_run(i, {"ttft.p50": 1.0 + i}, build="a" if i < 3 else None) for i in range(5)]
    points = only(trend_of(ONE_METRIC, runs)).points
    assert [(point.build, point.runs) for point in points] == [("a", 3), ("0.4.1", 1), ("0.4.1", 1)]
    assert points[0].value == pytest.approx(6 ** (1 / 3))


@pytest.mark.parametrize(("tied", "most"), [(0.0, 2), (0.5, 3)])
def test_series_that_never_moved_confirm_little(tied: float, most: int) -> None:
    """T14: 20 histories of 100 points, independent ones and such whose neighbours resemble each other.

    The full figures, 5 % at the most, are held by the benchmarks.
    """
    random = np.random.default_rng(13)
    reports = [trend_of(ONE_METRIC, nights(noisy(random, 100, tied))) for _ in range(20)]
    confirmed = [c for report in reports for c in only(report).changes if c.state == "confirmed"]
    assert len(confirmed) <= most


def test_a_step_of_the_margin_is_mostly_found_after_five_points() -> None:
    """T14: 5 % in noise of 2 %, five points after it: seven of ten at the least."""
    random = np.random.default_rng(14)
    found = 0
    for _ in range(20):
        values = noisy(random, 60)
        values[-5:] *= 1.05
        found += any(
            change.direction == "worse" for change in only(trend_of(ONE_METRIC, nights(values))).changes
        )
    assert found >= 14

"""The tests of the steady state against series and queues whose truth is known (T13, T15 in small)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.analyze.steady import batch_medians, in_flight, settled_after, stands_apart, trend
from tests.analyze.queue import serve, traffic


def test_mser_leaves_a_steady_series_alone() -> None:
    """T15: without a start-up the cut is at 50 of 1,500 or before, nine times of ten."""
    random = np.random.default_rng(1)
    cuts = [settled_after(random.lognormal(0, 0.5, 1500)) for _ in range(100)]
    assert np.mean([cut is not None and cut <= 50 for cut in cuts]) >= 0.9


@pytest.mark.parametrize("slow", [150, 400])
def test_mser_finds_a_start_up(slow: int) -> None:
    """T15: a step of 150 or 400 slow requests is cut at 100 to 115 % of its length, eight times of ten."""
    random = np.random.default_rng(slow)
    values = [random.lognormal(0, 0.5, 1500) * np.where(np.arange(1500) < slow, 3, 1) for _ in range(50)]
    cuts = np.array([settled_after(series) for series in values]) / slow
    assert np.mean((cuts >= 0.97) & (cuts <= 1.15)) >= 0.8


def test_mser_says_nothing_of_few_values() -> None:
    """Ninety-nine values have no start-up that could be told."""
    assert settled_after(np.ones(99)) is None


def test_mser_is_the_formula() -> None:
    """The cut has the smallest variance of the tail's mean, computed plainly."""
    values = np.random.default_rng(3).exponential(size=400) + np.exp(-np.arange(400) / 30) * 5
    batches = values.reshape(-1, 5).mean(axis=1)
    plain = [batches[d:].var() / (80 - d) for d in range(40)]
    assert settled_after(values) == 5 * int(np.argmin(plain))


def test_a_steady_queue_has_no_trend_and_a_flooded_one_has() -> None:
    """At half load a rise is found in 1 % of the runs or so; at 110 % in nearly all."""
    random = np.random.default_rng(5)

    def rises(load: float) -> float:
        served = [serve(traffic(random, 1500, load)).ttft_s for _ in range(40)]
        return float(np.mean([trend(batch_medians(one)).p_up < 0.001 for one in served]))  # type: ignore[arg-type]

    assert rises(0.5) <= 0.05
    assert rises(1.1) >= 0.9


@given(st.lists(st.integers(0, 50), min_size=5, max_size=25))
def test_the_trend_is_kendalls_test_in_scipy(values: list[int]) -> None:
    """tau and both one-sided p are scipy's, with ties and without; a flat series has none."""
    batches, order = np.array(values, dtype=np.float64), np.arange(len(values))
    found = trend(batches)
    if np.ptp(batches) == 0:
        assert (found.p_up, found.p_down) == (1, 1)
        return
    up = stats.kendalltau(order, batches, alternative="greater")
    down = stats.kendalltau(order, batches, alternative="less")
    assert found.tau == pytest.approx(up.statistic)
    assert (found.p_up, found.p_down) == pytest.approx((up.pvalue, down.pvalue), abs=1e-9)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), min_size=1, max_size=30)
)
def test_what_stands_apart_does_so_by_scipys_rank_sum_test(first: list[int], rest: list[int]) -> None:
    """The normal approximation with ties; where all are equal nothing stands apart."""
    one, other = np.array(first, dtype=np.float64), np.array(rest, dtype=np.float64)
    found = stands_apart(one, other)
    if np.ptp(np.concatenate([one, other])) == 0:
        assert found == 1
        return
    expected = stats.mannwhitneyu(one, other, method="asymptotic", use_continuity=False)
    assert found == pytest.approx(expected.pvalue, abs=1e-9)


def test_a_trend_without_ties_is_exact() -> None:
    """Twenty batches in rising order: one order of 20! has as many rising pairs."""
    assert trend(np.arange(20.0)).p_up == pytest.approx(1 / math.factorial(20))


def test_the_number_in_flight_is_an_integral() -> None:
    """One request for the whole second, one for its second half, one that never ends and begins later."""
    start, end = np.array([0.0, 0.5, 1.5]), np.array([1.0, 1.0, np.nan])
    assert in_flight(start, end, np.array([0.0, 1.0, 2.0])) == pytest.approx([1.5, 0.5])


def test_little_holds_for_a_queue() -> None:
    """T13: in flight = rate x stay, within the edges' 6.5 %, in nearly all runs of two minutes and more."""
    random = np.random.default_rng(7)
    off = []
    for _ in range(40):
        served = serve(traffic(random, 1500, 0.5))
        late = served.arrival_s > served.arrival_s[0] + 60
        start_s, end_s = served.arrival_s[late][0], served.arrival_s[-1]
        number = in_flight(served.arrival_s, served.arrival_s + served.e2e_s, np.array([start_s, end_s]))[0]
        off.append(number / (late.sum() / (end_s - start_s) * served.e2e_s[late].mean()) - 1)
    assert np.mean(np.abs(off) <= 0.065) >= 0.97

"""The curve of durations known to an interval, against scipy, brute force and the binomial distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import CensoredData, binom, ecdf

from bench.analyze.survival import Step, assured, bound, curve, quantile
from bench.metrics import Floats
from tests.analyze.starts import MEDIAN_START_S, seen_starts

Intervals = list[tuple[float, float]]

PLACES = st.integers(0, 12)
INTERVALS = st.lists(
    st.tuples(PLACES, st.one_of(st.integers(1, 6), st.just(np.inf))).map(lambda x: (x[0], x[0] + x[1])),
    min_size=1,
    max_size=7,
)
WIDTH = 1e-6


def likelihood(intervals: Intervals, steps: tuple[Step, ...]) -> float:
    """The log-likelihood of a curve."""
    ends = [(step.low, np.inf if step.high is None else step.high, step.share) for step in steps]
    masses = [sum(p for a, b, p in ends if low <= a and b <= high) for low, high in intervals]
    return float(np.log(np.maximum(masses, 1e-300)).sum())


def best(intervals: Intervals) -> float:
    """The largest log-likelihood that a general optimiser finds with mass on every unit cell."""
    cells = np.array([(k, k + 1) for k in range(19)] + [(19, np.inf)])
    inside = np.array([[low <= a and b <= high for a, b in cells] for low, high in intervals], dtype=float)

    def loss(logits: Floats) -> float:
        weights = np.exp(logits - logits.max())
        return -float(np.log(np.maximum(inside @ weights / weights.sum(), 1e-300)).sum())

    return -float(minimize(loss, np.zeros(len(cells)), method="BFGS").fun)


@given(INTERVALS)
def test_no_other_curve_is_more_likely(intervals: Intervals) -> None:
    """Shares sum to one, and brute force over all places for the mass finds nothing better."""
    steps = curve(*zip(*intervals, strict=True))
    assert sum(step.share for step in steps) == pytest.approx(1, abs=1e-6)
    assert likelihood(intervals, steps) >= best(intervals) - 1e-4


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=12))
def test_where_ends_are_exact_it_is_kaplan_and_meiers(durations: list[tuple[int, bool]]) -> None:
    """Right-censored samples with intervals next to nothing wide give scipy's curve."""
    exact = [float(value) for value, ended in durations if ended]
    cut = [float(value) for value, ended in durations if not ended]
    intervals = [(value - WIDTH, value) for value in exact] + [(value, np.inf) for value in cut]
    theirs = ecdf(CensoredData(uncensored=exact, right=cut)).cdf
    ours = curve(*zip(*intervals, strict=True))
    reaching = theirs.evaluate(np.arange(1.0, 31.0))
    for value, share in zip(range(1, 31), reaching, strict=True):
        reached = sum(step.share for step in ours if step.high is not None and step.high <= value)
        assert reached == pytest.approx(share, abs=1e-4)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=15), st.integers(0, 2**32))
def test_the_median_is_no_further_off_than_the_look(durations: list[float], seed: int) -> None:
    """Looked at once a second, at any phase, both ends of the median are within a second of the truth."""
    phase = np.random.default_rng(seed).random(len(durations))
    lows = np.maximum(np.floor(np.array(durations) - phase) + phase, 0)
    lows = np.where(lows < durations, lows, np.maximum(lows - 1, 0))
    median = quantile(curve(lows, lows + 1), 0.5)
    truth = float(np.median(durations))
    assert median.high is not None
    assert truth - 1.0001 <= median.low <= median.high <= truth + 1.0001


@pytest.mark.parametrize(
    ("lows", "highs", "q", "low", "high"),
    [
        ((3,), (4,), 0.5, 3, 4),
        ((3, 6), (4, 7), 0.5, 4.5, 5.5),
        ((3, 6, 9), (4, 7, np.inf), 0.5, 6, 7),
        ((3, 6, 9), (4, 7, np.inf), 0.9, 9, None),
        ((3, 6), (4, np.inf), 0.5, 4.5, None),
        ((0, 0.5), (1, 1.5), 0.5, 0.5, 1),
    ],
)
def test_a_quantile_has_two_ends(
    lows: tuple[float, ...], highs: tuple[float, ...], q: float, low: float, high: float | None
) -> None:
    """Between neighbours where the curve stays at the share, and open where nobody saw the end."""
    found = quantile(curve(lows, highs), q)
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(("count", "share"), [(5, 0.549), (10, 0.741), (20, 0.860), (29, 0.901), (59, 0.950)])
def test_the_longest_covers_what_the_formula_says(count: int, share: float) -> None:
    """0.05 ** (1 / n)."""
    assert assured(count, count)[-1] == pytest.approx(0.05 ** (1 / count))
    assert int(assured(count, count)[-1] * 1000) == int(share * 1000)


@given(st.integers(1, 60), st.data())
def test_each_rank_covers_by_the_binomial(count: int, data: st.DataObject) -> None:
    """The chance that fewer than k of n fall below the quantile is the confidence."""
    ended = data.draw(st.integers(1, count))
    for rank, share in enumerate(assured(count, ended), start=1):
        assert binom.cdf(rank - 1, count, share) == pytest.approx(0.95, abs=1e-6)


def test_a_bound_is_told_only_where_enough_starts_were_seen() -> None:
    """Of twenty the longest bounds p86 and not p90; one that did not end takes that away."""
    highs = [float(k) for k in range(1, 21)]
    assert bound(20, highs, 0.86) == 20.0
    assert bound(20, highs, 0.90) is None
    assert bound(20, highs[:-1], 0.86) is None
    assert bound(20, highs, 0.5) == 15.0


@pytest.mark.parametrize(("low", "high"), [(2.0, 2.0), (3.0, 2.0), (-1.0, 2.0)])
def test_an_empty_interval_is_refused(low: float, high: float) -> None:
    """There is no duration in it."""
    with pytest.raises(ValueError, match="0 <= low < high"):
        curve([low], [high])


def test_the_median_is_right_where_starts_were_given_up() -> None:
    """T17: twenty starts, a fifth of them given up, 200 times: within a second and a half of the truth."""
    random = np.random.default_rng(17)
    seen = [quantile(curve(*seen_starts(random, 1.0)), 0.5) for _ in range(200)]
    middle_s = [(one.low + one.high) / 2 for one in seen if one.high is not None]
    assert len(middle_s) == len(seen)
    assert np.mean(middle_s) == pytest.approx(MEDIAN_START_S, abs=1.5)

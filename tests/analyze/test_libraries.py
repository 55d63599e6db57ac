"""Our statistics against libraries that were written by others for the same purpose."""

import math
from typing import Any

import numpy as np
import pytest
import ruptures
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.tsa.stattools import acf

from bench.analyze.changes import best_split
from bench.analyze.gate.paired import holm
from bench.analyze.gate.power import smallest_shift
from bench.analyze.intervals import effective_size, over_runs, within_run
from bench.analyze.trend import threshold
from bench.metrics import Floats, quantile, resolved
from tests.analyze.queue import serve, traffic

P_VALUES = st.lists(st.floats(0.0001, 1), min_size=1, max_size=12)


@given(P_VALUES)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    """Every adjusted p."""
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_what_counts_among_many_is_what_statsmodels_rejects(p_values: list[float], q: float) -> None:
    """Benjamini and Hochberg, at any share of false alarms."""
    level = threshold(p_values, q)
    assert [p <= level for p in p_values] == multipletests(p_values, q, method="fdr_bh")[0].tolist()


@given(st.integers(3, 40), st.sampled_from([0.0304, 0.05]))
@settings(max_examples=20)
def test_the_smallest_shift_has_the_power_that_statsmodels_says(pairs: int, alpha: float) -> None:
    """Nine times of ten, one-sided."""
    shift = smallest_shift(pairs, alpha)
    power = TTestPower().power(shift, pairs, alpha, alternative="larger")
    assert power == pytest.approx(0.9, abs=1e-3)


@given(st.integers(20, 3000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_interval_of_independent_values_is_that_of_scipy(n: int, q: float) -> None:
    """Open where theirs is, and otherwise no further off than two ranks, where the quantile may be printed.

    In an order that spreads the tail evenly, so that no request is lost to correlation.
    """
    step = next(k for k in range(round(0.618 * n), n + 1) if math.gcd(k, n) == 1)
    ranks = (1 + np.arange(n) * step % n).astype(np.float64)
    assume(effective_size((ranks <= quantile(ranks, q)).astype(np.float64)) == n)
    ours = within_run(ranks, q)
    theirs: Any = stats.quantile_test(ranks, p=q).confidence_interval(0.95)
    for mine, other in ((ours.low, theirs.low), (ours.high, theirs.high)):
        assert np.isinf(mine) == np.isnan(other)
        assert np.isinf(mine) or abs(mine - other) <= 2 or not resolved(n, q)


@given(st.integers(0, 1000), st.integers(5, 12), st.sampled_from([0.5, 0.95]))
@settings(max_examples=30)
def test_an_interval_over_runs_rests_on_the_t_of_scipy(seed: int, count: int, q: float) -> None:
    """Of the share of each run below the pooled quantile, on the scale of the logit."""
    random = np.random.default_rng(seed)
    runs = [random.lognormal(random.normal(0, 0.1), 0.5, 400) for _ in range(count)]
    pooled = np.concatenate(runs)
    shares = [np.mean(run <= np.quantile(pooled, q, method="inverted_cdf")) for run in runs]
    bounds: Any = stats.ttest_1samp(shares, q).confidence_interval(0.95)
    reach = (bounds.high - bounds.low) / 2 / (q * (1 - q))
    low, high = special.expit(special.logit(q) + np.array([-reach, reach]))
    found = over_runs(runs, q)
    assert (found.low, found.high) == tuple(np.quantile(pooled, [low, high], method="inverted_cdf"))


@given(st.integers(0, 1000), st.floats(0, 0.9), st.integers(50, 400))
@settings(max_examples=30)
def test_the_effective_size_rests_on_the_autocorrelations_of_statsmodels(
    seed: int, tied: float, n: int
) -> None:
    """Geyer's rule, written plainly over their autocorrelations: from one request to as many as there are."""
    random = np.random.default_rng(seed)
    kept = np.where(random.random(n) < tied, 0, np.arange(n))
    indicator = (random.random(n) < 0.5).astype(np.float64)[np.maximum.accumulate(kept)]
    assume(np.ptp(indicator) > 0)
    rho = acf(indicator, nlags=n - 1, fft=False)
    total = 0.0
    for lag in range(0, n - 1, 2):
        if rho[lag] + rho[lag + 1] <= 0:
            break
        total += rho[lag] + rho[lag + 1]
    inefficiency = 2 * total - 1
    expected = n if inefficiency <= 1 else 1 if inefficiency >= n else n / inefficiency
    assert effective_size(indicator) == pytest.approx(expected, rel=1e-6)


class Energy(ruptures.base.BaseCost):  # type: ignore[misc]  # ruptures ships no types
    """Mean distance of a segment's points from each other: what a split gains is its energy distance."""

    model = "energy"
    min_size = 1

    def fit(self, signal: Any) -> "Energy":
        """Keep the series, as ruptures asks."""
        self.signal = signal
        return self

    def error(self, start: int, end: int) -> float:
        """The cost of one segment."""
        part = self.signal[start:end, 0]
        return float(np.abs(part[:, None] - part).sum() / part.size)


@given(st.integers(0, 10_000), st.integers(15, 40), st.floats(0, 3))
@settings(max_examples=25)
def test_the_best_split_is_that_of_ruptures(seed: int, n: int, step: float) -> None:
    """Their search with the energy distance as a cost; five points on either side."""
    random = np.random.default_rng(seed)
    values: Floats = random.normal(size=n) + step * (np.arange(n) >= n // 2)
    found = best_split(values, random, last=False)
    search = ruptures.Binseg(custom_cost=Energy(), min_size=5, jump=1).fit(values.reshape(-1, 1))
    assert found is not None
    assert found.at == search.predict(n_bkps=1)[0]


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_an_interval_of_a_queue_is_as_wide_as_that_of_archs_bootstrap(q: float) -> None:
    """The stationary bootstrap with its own choice of blocks: 0.7 to 1.5 times as wide, over six runs."""
    random = np.random.default_rng(31)
    ratios = []
    for seed in range(6):
        run = serve(traffic(random, 3300, 0.6)).ttft_s
        blocks = float(optimal_block_length((run <= quantile(run, q)).astype(float))["stationary"].iloc[0])
        bootstrap = StationaryBootstrap(max(1, round(blocks)), run, seed=seed)
        bounds = bootstrap.conf_int(lambda x: np.quantile(x, [q]), reps=200, method="percentile").ravel()
        ours = within_run(run, q)
        ratios.append((ours.high - ours.low) / (bounds[1] - bounds[0]))
    assert 0.7 <= np.median(ratios) <= 1.5

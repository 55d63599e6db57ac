"""The statistics of the gate against scipy, against brute force, and against known values."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.analyze.gate.paired import hodges_lehmann, holm, paired, sign_flip_p
from bench.analyze.gate.power import level_of_each_look, pairs_for, smallest_shift

DIFFERENCES = st.lists(st.floats(-1, 1), min_size=3, max_size=12).filter(lambda d: np.std(d) > 1e-6)


@given(DIFFERENCES, st.sampled_from([0.0304, 0.05]))
def test_it_is_the_t_test_of_scipy(values: list[float], alpha: float) -> None:
    """p and both bounds."""
    d = np.array(values)
    found, expected = paired(d, alpha), stats.ttest_1samp(d, 0, alternative="greater")
    both = stats.ttest_1samp(d, 0).confidence_interval(1 - 2 * alpha)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((both.low, both.high), abs=1e-9)


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=8))
def test_sign_flips_are_those_of_scipy(values: list[int]) -> None:
    """All sign patterns, exactly."""
    d = np.array(values, dtype=np.float64)

    total: Any = np.sum
    exact = stats.permutation_test(
        (d,), total, permutation_type="samples", alternative="greater", n_resamples=1000
    )
    assert sign_flip_p(d) == pytest.approx(exact.pvalue, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferronis(p_values: list[float]) -> None:
    """A hypothesis falls where every intersection that holds it falls: brute force over all of them."""
    n = len(p_values)
    for i, adjusted in enumerate(holm(p_values)):
        sets = [s for r in range(1, n + 1) for s in itertools.combinations(range(n), r) if i in s]
        closed = max(min(1.0, len(s) * min(p_values[j] for j in s)) for s in sets)
        assert adjusted == pytest.approx(closed)


def test_more_pairs_than_can_be_flipped_have_no_exact_p() -> None:
    """Above 16 pairs the number of patterns is out of hand."""
    assert sign_flip_p(np.ones(17)) is None
    assert sign_flip_p(np.ones(5)) == 1 / 32


def test_the_centre_resists_one_odd_pair() -> None:
    """Nine pairs at 1 and one at 100."""
    assert hodges_lehmann(np.array([1.0] * 9 + [100.0])) == 1.0


def test_pairs_that_do_not_differ_at_all_have_the_spread_of_a_step() -> None:
    """Shares that are 0 in every run differ by nothing, and by no certainty."""
    found = paired(np.zeros(5), 0.05, floor=0.001)
    assert found.spread == 0.001
    assert found.high == pytest.approx(0.001 / np.sqrt(5) * stats.t.ppf(0.95, 4))


@pytest.mark.parametrize(
    ("looks", "level"), [((5,), 0.05), ((5, 10), 0.0304), ((5, 10, 15), 0.0232), ((5, 8, 12), 0.0243)]
)
def test_looks_share_the_chance_of_error(looks: tuple[int, ...], level: float) -> None:
    """Pocock's constants, for looks at equal distances and at unequal ones."""
    assert level_of_each_look(looks, 0.05) == pytest.approx(level, abs=6e-5)


@pytest.mark.parametrize("looks", [(5, 10), (5, 8, 12)])
def test_the_first_look_that_errs_errs_as_often_as_declared(looks: tuple[int, ...]) -> None:
    """T6: 20,000 experiments of normal differences; the t's few degrees of freedom cost nothing."""
    random = np.random.default_rng(13)
    d, level = random.normal(size=(20_000, looks[-1])), level_of_each_look(looks, 0.05)
    errs = np.zeros(len(d), dtype=bool)
    for k in looks:
        errs |= stats.ttest_1samp(d[:, :k], 0, axis=1, alternative="greater").pvalue <= level
    assert 0.043 <= errs.mean() <= 0.057


@pytest.mark.parametrize("k", [3, 5, 10])
@pytest.mark.parametrize("kind", ["normal", "student-3"])
def test_the_t_is_calibrated(k: int, kind: str) -> None:
    """T6: 3.0 to 5.6 % false alarms at a nominal 5 %, for normal noise and for heavy tails."""
    random = np.random.default_rng(14)
    d = random.normal(size=(20_000, k)) if kind == "normal" else random.standard_t(3, size=(20_000, k))
    p = stats.ttest_1samp(d, 0, axis=1, alternative="greater").pvalue
    assert 0.030 <= np.mean(p <= 0.05) <= 0.056


def test_a_family_errs_no_more_than_one() -> None:
    """T7: Holm over twelve correlated metrics, all equal: any signal in 5.5 % at most."""
    random = np.random.default_rng(15)
    shared = random.normal(size=(2000, 5, 1))
    d = np.sqrt(0.5) * shared + np.sqrt(0.5) * random.normal(size=(2000, 5, 12))
    p = np.asarray(stats.ttest_1samp(d, 0, axis=1, alternative="greater").pvalue)
    signals = [min(holm(list(map(float, row)))) <= 0.05 for row in p]
    assert np.mean(signals) <= 0.055
    assert np.mean((p <= 0.05).any(axis=1)) > 0.2


@pytest.mark.parametrize(
    ("k", "shift"), [(3, 2.78), (5, 1.61), (7, 1.26), (10, 1.00), (15, 0.80), (20, 0.68)]
)
def test_the_smallest_shift_is_that_of_the_noncentral_t(k: int, shift: float) -> None:
    """Known values, and the power itself by simulation."""
    found = smallest_shift(k, 0.05)
    assert found == pytest.approx(shift, abs=0.005)
    d = np.random.default_rng(k).normal(found, 1, size=(5000, k))
    power = np.mean(stats.ttest_1samp(d, 0, axis=1, alternative="greater").pvalue <= 0.05)
    assert power == pytest.approx(0.9, abs=0.015)


def test_the_pairs_that_are_needed_are_enough_and_not_too_many() -> None:
    """One pair fewer would not see the shift; a shift far below the noise is out of reach."""
    k = pairs_for(0.05, 0.03, 0.0304)
    assert k is not None
    assert smallest_shift(k, 0.0304) * 0.03 <= 0.05 < smallest_shift(k - 1, 0.0304) * 0.03
    assert pairs_for(0.001, 0.1, 0.05) is None

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.metrics import quantile, quantiles, resolved

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(VALUES, st.floats(0.001, 0.999))
def test_it_is_the_inverted_cdf(values: list[float], q: float) -> None:
    """Away from ties of rank and share, the quantile is numpy's `inverted_cdf`."""
    assume(abs(q * len(values) - round(q * len(values))) > 1e-6)
    array = np.array(values)
    assert quantile(array, q) == np.quantile(array, q, method="inverted_cdf")


@given(st.integers(1, 400), st.sampled_from(["0.5", "0.9", "0.95", "0.99"]))
def test_ranks_are_exact_where_shares_are(n: int, q: str) -> None:
    """Where n * q is a whole number, that rank is taken and not, by a rounding error, the next."""
    expected = max(1, math.ceil(Fraction(q) * n))
    assert quantile(np.arange(1.0, n + 1), float(q)) == expected


@given(VALUES, st.integers(0, 50), st.floats(0.01, 0.99))
def test_requests_without_end_take_the_top_ranks(values: list[float], larger: int, q: float) -> None:
    """Counting requests as larger is the same as giving them an infinite latency."""
    array = np.array(values)
    assert quantile(array, q, larger) == quantile(np.append(array, [math.inf] * larger), q)


def test_nothing_to_rank_is_not_zero() -> None:
    """Without any value a quantile is NaN, and NaN values are no values."""
    assert math.isnan(quantile(np.array([]), 0.5))
    assert math.isnan(quantile(np.array([np.nan]), 0.5))
    assert quantile(np.array([np.nan, 3.0]), 0.5) == 3.0


def test_several_levels_cost_one_sort() -> None:
    """`quantiles` gives what `quantile` gives, level by level."""
    values = np.random.default_rng(1).lognormal(size=333)
    levels = (0.5, 0.9, 0.99)
    assert quantiles(values, levels, 3) == tuple(quantile(values, q, 3) for q in levels)


@pytest.mark.parametrize(("n", "q"), [(20, 0.5), (100, 0.9), (200, 0.95), (1000, 0.99)])
def test_a_quantile_is_resolved_with_ten_requests_beyond(n: int, q: float) -> None:
    """Ten requests beyond a quantile are enough, one fewer is not."""
    assert resolved(n, q)
    assert not resolved(n - 1, q)

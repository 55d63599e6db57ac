"""The best place to split a series, and how sure it is."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analyze.changes import ENOUGH_LARGER, SHUFFLES, all_splits, best_split
from bench.metrics import Floats


def energy(x: Floats, k: int) -> float:
    """The energy distance of the first `k` points and the others, sum by sum."""
    a, b = x[:k], x[k:]
    across = np.abs(a[:, None] - b).mean()
    within = np.abs(a[:, None] - a).mean() + np.abs(b[:, None] - b).mean()
    return float(k * (x.size - k) / x.size * (2 * across - within))


@given(st.lists(st.integers(0, 30), min_size=10, max_size=18))
def test_the_best_split_is_that_of_the_plain_formula(numbers: list[int]) -> None:
    """The energy distance of both sides, sum by sum, over every split there may be."""
    x = np.array(numbers, dtype=np.float64)
    found = best_split(x, np.random.default_rng(1))
    assert found is not None
    assert energy(x, found.at) == pytest.approx(max(energy(x, k) for k in range(5, x.size)))


@given(
    st.tuples(*(st.integers(0, 1) if i % 2 else st.integers(4, 5) for i in range(5))),
    st.lists(st.integers(0, 9), min_size=1, max_size=2),
)
@settings(max_examples=20, deadline=None)
def test_p_is_the_share_of_all_orders_that_split_as_well(start: tuple[int, ...], end: list[int]) -> None:
    """Against every order there is, within five standard errors of the shuffles that were drawn.

    Up and down in turn, so that points and not blocks of them are shuffled.
    """
    numbers = (*start, *end)
    x = np.array(numbers, dtype=np.float64)
    found = best_split(x, np.random.default_rng(2))
    assert found is not None
    orders = Counter(permutations(numbers))
    best = {order: max(energy(np.array(order), k) for k in range(5, x.size)) for order in orders}
    good = sum(count for order, count in orders.items() if best[order] >= best[numbers] - 1e-9)
    share = good / orders.total()
    drawn = min(SHUFFLES, ENOUGH_LARGER / share)
    assert found.p == pytest.approx(share, abs=0.01 + 5 * np.sqrt(share * (1 - share) / drawn))


def test_each_side_of_a_split_is_searched_again() -> None:
    """Three levels of ten points each have two splits."""
    values = np.repeat([0.0, 1.0, 3.0], 10) + 0.05 * np.random.default_rng(15).normal(size=30)
    assert [one.at for one in all_splits(values, np.random.default_rng(16), 0.05)] == [10, 20]

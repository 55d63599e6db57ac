"""Runs that are certain to fail are known while they go on; others are let be."""

import numpy as np
import pytest

from bench.analyze import Count, hopeless


def counts(offered_per_s: float, ended_per_s: float, seconds: int, seed: int = 1) -> list[Count]:
    """A queue with random arrivals, and so many that can end in a second."""
    random = np.random.default_rng(seed)
    found, sent, waiting = [], 0, 0
    for second in range(seconds):
        came = int(random.poisson(offered_per_s))
        sent, waiting = sent + came, max(0, waiting + came - int(random.poisson(ended_per_s)))
        found.append(Count(float(second), sent, waiting))
    return found


@pytest.mark.parametrize(
    ("offered_per_s", "ended_per_s", "seconds", "expected"),
    [(20, 10, 30, True), (4, 2, 60, True), (20, 10, 19, False), (20, 24, 120, False), (0, 0, 60, False)],
    ids=["twice", "twice of little", "too early", "kept up with", "nothing"],
)
def test_what_is_too_much_is_known_in_time(
    offered_per_s: float, ended_per_s: float, seconds: int, expected: bool
) -> None:
    """Far above what ends it is certain after twenty seconds, below it never."""
    assert hopeless(counts(offered_per_s, ended_per_s, seconds)) is expected


@pytest.mark.parametrize("offered_per_s", [2, 19])
def test_a_load_that_is_just_borne_is_not_given_up(offered_per_s: float) -> None:
    """At 95 % of what can end, in none of 50 runs of two minutes, at whichever of many seconds one looks."""
    for seed in range(50):
        run = counts(offered_per_s, offered_per_s / 0.95, 120, seed)
        assert not any(hopeless(run[: second + 1]) for second in range(20, 120, 5))

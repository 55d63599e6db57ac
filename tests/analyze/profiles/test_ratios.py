"""Ratios with their intervals."""

import numpy as np
import pytest
from scipy import stats

from bench.analyze.gate.table import Absent
from bench.analyze.profiles import Arms, RatioOf, ratios_of
from tests.analyze.profiles.rows import by_seed, run_of


def ratio(ours: list[float | Absent], theirs: list[float | Absent], name: str = "ttft.p50") -> RatioOf:
    """One number of `new` against `old`."""
    arms = Arms("new", "old", by_seed("new", name, ours), by_seed("old", name, theirs))
    return ratios_of([name], arms)[0]


def test_the_interval_is_that_of_a_paired_t_on_logs() -> None:
    """Against scipy's test of related samples."""
    random = np.random.default_rng(301)
    ours, theirs = random.lognormal(0, 0.2, 5), random.lognormal(0.1, 0.2, 5)
    found = ratio(list(ours), list(theirs))
    known = stats.ttest_rel(np.log(ours), np.log(theirs))
    interval = known.confidence_interval(0.95)
    assert (found.ratio, found.low, found.high) == pytest.approx(
        tuple(np.exp([np.mean(np.log(ours / theirs)), interval.low, interval.high]))
    )
    assert found.p == pytest.approx(known.pvalue)


@pytest.mark.parametrize(
    ("name", "factor", "verdict"),
    [
        ("ttft.p50", 0.5, "better"),
        ("ttft.p50", 2.0, "worse"),
        ("ttft.p50", 1.0, "not separable"),
        ("output_tokens_rate", 0.5, "worse"),
        ("output_tokens_rate", 2.0, "better"),
    ],
)
def test_better_is_what_the_reader_wants(name: str, factor: float, verdict: str) -> None:
    """Lower latency, higher rate; and every interval that covers 1 is not separable."""
    theirs = [0.10, 0.11, 0.09, 0.105, 0.095]
    noise = [1.01, 0.99, 1.0, 1.02, 0.98]
    found = ratio([factor * one * part for one, part in zip(theirs, noise, strict=True)], list(theirs), name)
    assert found.verdict == verdict
    assert verdict in found.sentence
    assert found.ratio == pytest.approx(factor, rel=0.01)


def test_runs_that_never_differ_do_not_make_an_interval_of_nothing() -> None:
    """A ratio of exactly two is covered though no run strays from it."""
    found = ratio([0.2] * 5, [0.1] * 5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 2.0 < found.high
    assert found.high / found.low < 1.001


def test_what_cannot_be_compared_says_why() -> None:
    """A number that a run lacks, zeros, and two twins."""
    why = Absent("150 requests are too few for p95, which needs 200")
    assert "in a run of old, 150 requests are too few" in ratio([0.1] * 5, [0.1] * 4 + [why]).sentence
    assert "a run of new has none" in ratio([0.0] * 5, [0.1] * 5).sentence
    few = ratio([0.1, 0.1], [0.2, 0.2])
    assert (few.verdict, few.ratio) == ("not compared", None)
    assert "2 pairs of runs; 3 are the least" in few.sentence


def test_of_many_numbers_one_that_misses_by_chance_is_not_told_apart() -> None:
    """An interval that leaves out 1 by itself, among eleven that do not."""
    random = np.random.default_rng(302)
    names = [f"ttft.p{number}" for number in range(12)]
    noise = random.lognormal(0, 0.02, (5, 12))
    noise[:, 0] = [1.01, 1.02, 1.03, 1.02, 1.015]
    ours = {
        seed: run_of("new", seed, dict(zip(names, map(float, row), strict=True)))
        for seed, row in enumerate(noise)
    }
    theirs = {seed: run_of("old", seed, dict.fromkeys(names, 1.0)) for seed in range(5)}
    alone, among = (ratios_of(asked, Arms("new", "old", ours, theirs)) for asked in (names[:1], names))
    assert (alone[0].verdict, among[0].verdict) == ("worse", "not separable")
    assert alone[0].low == among[0].low
    assert "leaves out 1, but not for sure among so many" in among[0].sentence

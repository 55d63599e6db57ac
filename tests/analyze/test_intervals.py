"""Intervals of quantiles cover what they claim where they may be shown (T8, T9, T10 in small)."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench.analyze.intervals import Interval, effective_size, over_runs, withheld, within_run
from tests.analyze.queue import Floats, serve, traffic


def covers(found: Interval, truth: float) -> bool:
    """Whether the truth lies inside."""
    return found.low <= truth <= found.high


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_one_run_of_independent_requests(q: float) -> None:
    """T8: nominal 95 % covers 94 % or more; hardly wider than scipy's exact interval."""
    random = np.random.default_rng(8)
    runs = [random.exponential(size=1500) for _ in range(500)]
    found = [within_run(run, q) for run in runs]
    assert np.mean([covers(one, -math.log(1 - q)) for one in found]) >= 0.93
    exact: list[Any] = [stats.quantile_test(run, p=q).confidence_interval(0.95) for run in runs[:50]]
    wider = [(f.high - f.low) / (e.high - e.low) for f, e in zip(found, exact, strict=False)]
    assert np.median(wider) <= 1.1


@pytest.fixture(scope="module")
def truth() -> dict[float, Floats]:
    """p50, p95 and p99 of the queue's TTFT at half load and at 0.6, from one very long run."""
    random = np.random.default_rng(9)
    return {
        load: np.quantile(serve(traffic(random, 200_000, load)).ttft_s, [0.5, 0.95, 0.99])
        for load in (0.5, 0.6)
    }


@pytest.mark.parametrize(("load", "least"), [(0.5, 0.88), (0.6, 0.85)])
def test_one_run_of_a_queue(truth: dict[float, Floats], load: float, least: float) -> None:
    """T9: requests that wait for each other, at loads where the interval may be shown; 60 runs."""
    random = np.random.default_rng(10)
    runs = [serve(traffic(random, 6300, load)).ttft_s for _ in range(60)]
    for q, true in zip((0.5, 0.95, 0.99), truth[load], strict=True):
        assert np.mean([covers(within_run(run, q), true) for run in runs]) >= least


def test_ten_runs_of_a_queue(truth: dict[float, Floats]) -> None:
    """T9: the same over ten runs of 1,500 each."""
    random = np.random.default_rng(11)
    sets = [[serve(traffic(random, 1800, 0.5)).ttft_s for _ in range(10)] for _ in range(40)]
    for q, true in zip((0.5, 0.95, 0.99), truth[0.5], strict=True):
        assert np.mean([covers(over_runs(runs, q), true) for runs in sets]) >= 0.88


@pytest.mark.parametrize("q", [0.95, 0.99])
@pytest.mark.parametrize("n", [1500, 12_000])
@pytest.mark.parametrize("load", [0.9, 1.02, None])
def test_a_single_run_near_the_limit_shows_no_interval(load: float | None, n: int, q: float) -> None:
    """T10: withheld by design, whatever the data."""
    assert withheld(load, n, q)


def test_an_unknown_load_is_said() -> None:
    """Without a confirmed rate nobody knows how near the limit the run was."""
    assert withheld(None, 100_000, 0.5) == "load relative to capacity unknown"


@pytest.mark.parametrize(("n", "runs", "load", "shown"), [
    (500, 1, 0.7, True), (499, 1, 0.7, False), (500, 1, 0.71, False),
    (1200, 10, 0.9, True), (1199, 10, 0.9, False), (1200, 9, 0.9, False), (1200, 10, 0.91, False),
])  # fmt: skip
def test_the_rule_of_p95_is_exact(n: int, runs: int, load: float, shown: bool) -> None:
    """25 requests beyond it up to 0.7 of the confirmed rate; 60 in each of ten runs up to 0.9."""
    assert (withheld(load, n, 0.95, runs) is None) == shown


def test_independent_values_keep_their_number_and_repeated_ones_do_not() -> None:
    """Every value ten times over is worth a tenth."""
    random = np.random.default_rng(12)
    fresh = (random.random(4000) < 0.3).astype(float)
    assert effective_size(fresh) == pytest.approx(4000, rel=0.15)
    assert effective_size(np.repeat(fresh[:400], 10)) == pytest.approx(400, rel=0.3)
    assert effective_size(np.ones(50)) == 50


def test_too_few_values_leave_an_end_open() -> None:
    """Ten requests have no upper bound on their p99, and no number is made up."""
    assert within_run(np.arange(10.0), 0.99).high == math.inf


def test_an_interval_over_runs_needs_five() -> None:
    """Four are refused with their number."""
    with pytest.raises(ValueError, match="4 runs"):
        over_runs([np.ones(10)] * 4, 0.5)

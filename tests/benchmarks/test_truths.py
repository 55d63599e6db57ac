"""What the verdict stands on, against known truths, in numbers: the table in docs/gate.md is made by this."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench.analyze.gate.paired import holm
from bench.analyze.intervals import within_run
from bench.analyze.moved import Change
from bench.analyze.steady import in_flight, settled_after
from bench.analyze.survival import curve, quantile
from bench.analyze.trend import trend_of
from bench.metrics import Floats
from tests.analyze.pasts import ONE_METRIC, nights, noisy
from tests.analyze.queue import serve, traffic
from tests.analyze.starts import MEDIAN_START_S, seen_starts

SERIES = 200


def test_a_family_of_metrics_errs_no_more_than_one() -> None:
    """T7: Holm over twelve metrics correlated by a half, all equal, 20,000 times: 5.5 % at the most."""
    random = np.random.default_rng(201)
    shared = random.normal(size=(20_000, 5, 1))
    d = np.sqrt(0.5) * shared + np.sqrt(0.5) * random.normal(size=(20_000, 5, 12))
    p = np.asarray(stats.ttest_1samp(d, 0, axis=1, alternative="greater").pvalue)
    signals = float(np.mean([min(holm(row)) <= 0.05 for row in p.tolist()]))
    raw = float(np.mean((p <= 0.05).any(axis=1)))
    print(f"\nT7 any signal: {signals:.1%} with Holm, {raw:.1%} without")
    assert signals <= 0.055


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_an_interval_of_independent_requests_covers(q: float) -> None:
    """T8: 1,500 requests, 2,000 times: 94 % or more at a nominal 95 %, hardly wider than the exact one."""
    random = np.random.default_rng(202)
    runs = [random.exponential(size=1500) for _ in range(2000)]
    found = [within_run(run, q) for run in runs]
    covered = float(np.mean([one.low <= -math.log(1 - q) <= one.high for one in found]))
    exact: list[Any] = [stats.quantile_test(run, p=q).confidence_interval(0.95) for run in runs[:300]]
    wider = float(
        np.median([(f.high - f.low) / (e.high - e.low) for f, e in zip(found, exact, strict=False)])
    )
    print(f"\nT8 p{100 * q:g}: covers {covered:.1%}, {wider:.2f} times as wide as the exact binomial one")
    assert covered >= 0.94
    assert wider <= 1.1


@pytest.mark.parametrize(("window_s", "limit"), [(120, 0.065), (300, 0.03), (600, 0.02)])
def test_littles_law_on_the_queue(window_s: int, limit: float) -> None:
    """T13: the number in flight against rate x stay at half load, 1,000 runs: within the limit in 99 %."""
    random = np.random.default_rng(203)
    off = []
    for _ in range(1000):
        served = serve(traffic(random, round(3.2 * (window_s + 160)), 0.5), warmup=0)
        start_s, end_s = 100.0, 100.0 + window_s
        due = (served.arrival_s >= start_s) & (served.arrival_s < end_s)
        edges = np.array([start_s, end_s])
        number = in_flight(served.arrival_s, served.arrival_s + served.e2e_s, edges)[0]
        off.append(number / (due.sum() / window_s * served.e2e_s[due].mean()) - 1)
    share = float(np.mean(np.abs(off) <= limit))
    print(f"\nT13 {window_s} s: sd {np.std(off):.1%}, within {limit:.1%} in {share:.1%}")
    assert share >= 0.99


def confirmed(changes: tuple[Change, ...]) -> bool:
    """Whether any of them is."""
    return any(change.state == "confirmed" for change in changes)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("points", [30, 200])
@pytest.mark.parametrize("tied", [0.0, 0.5])
def test_histories_that_never_moved(tied: float, points: int) -> None:
    """T14: noise of 2 %, independent or with neighbours alike; any confirmed change in 5 % of 200 points."""
    random = np.random.default_rng(204)
    found = [
        trend_of(ONE_METRIC, nights(noisy(random, points, tied))).series[0].changes for _ in range(SERIES)
    ]
    share = float(np.mean([confirmed(changes) for changes in found]))
    reported = float(np.mean([bool(changes) for changes in found]))
    print(
        f"\nT14 {points} points, tied {tied:g}: confirmed {share:.1%}, suspected or confirmed {reported:.1%}"
    )
    assert share <= (0.05 if points == 200 else 0.15)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("after", [1, 2, 3, 5, 8])
def test_histories_that_moved_by_the_margin(after: int) -> None:
    """T14: 200 points, the last ones 5 % slower: found in 80 % or more with five of them."""
    random = np.random.default_rng(205)
    found = []
    for _ in range(SERIES // 2):
        values = noisy(random, 200)
        values[-after:] *= 1.05
        found.append(trend_of(ONE_METRIC, nights(values)).series[0].changes)
    worse = float(np.mean([bool(c) and c[-1].direction == "worse" for c in found]))
    full = float(np.mean([bool(c) and c[-1].direction == "worse" and c[-1].change >= 0.05 for c in found]))
    sure = float(np.mean([confirmed(c) for c in found]))
    print(f"\nT14 {after} points after: found {worse:.0%}, confirmed {sure:.0%}, at the margin {full:.0%}")
    if after >= 5:
        assert worse >= 0.8


def step(length: int) -> Floats:
    """Three times as slow, then as always."""
    return np.where(np.arange(1500) < length, 3.0, 1.0)


def decay(length: int) -> Floats:
    """Three times as slow at first, and ever less until it is as always."""
    return 1 + 2 * np.clip(1 - np.arange(1500) / length, 0, 1)


@pytest.mark.parametrize("length", [150, 400])
@pytest.mark.parametrize(("shape", "low", "high"), [(step, 1.0, 1.15), (decay, 0.5, 1.1)])
def test_cold_starts_are_cut(shape: Callable[[int], Floats], low: float, high: float, length: int) -> None:
    """T15: MSER-5 on 500 runs of 1,500 requests; from the tenth to the ninetieth of a hundred cuts."""
    random = np.random.default_rng(206)
    cuts = np.array([settled_after(random.lognormal(0, 0.5, 1500) * shape(length)) for _ in range(500)])
    bounds = np.quantile(cuts / length, [0.1, 0.9])
    print(f"\nT15 {shape.__name__} of {length}: cut at {bounds[0]:.0%} to {bounds[1]:.0%} of it")
    assert low <= bounds[0] <= bounds[1] <= high


def test_a_run_without_a_start_up_is_left_whole() -> None:
    """T15: of 1,500 requests that were steady from the first, 50 at most are cut nine times of ten."""
    random = np.random.default_rng(207)
    cuts = [settled_after(random.lognormal(0, 0.5, 1500)) for _ in range(500)]
    share = float(np.mean([cut is not None and cut <= 50 for cut in cuts]))
    print(f"\nT15 no start-up: cut at 50 or before in {share:.1%}")
    assert share >= 0.9


def test_the_median_of_cold_starts_is_that_of_the_truth() -> None:
    """T17: twenty starts, a fifth given up, 1,000 times: within a second, where looked at each second.

    A client that comes again after a minute, as it is told to, reads the end of that minute.
    """
    random = np.random.default_rng(208)
    asked = [seen_starts(random, 1.0) for _ in range(1000)], [seen_starts(random, 60.0) for _ in range(1000)]
    each_second, each_minute = ([quantile(curve(*seen), 0.5) for seen in samples] for samples in asked)
    bias_s = np.mean([(seen.low + (seen.high or math.inf)) / 2 for seen in each_second]) - MEDIAN_START_S
    late_s = np.mean([seen.high or math.inf for seen in each_minute]) - MEDIAN_START_S
    print(f"\nT17 a look a second: {bias_s:+.2f} s off; one a minute, first answer: {late_s:+.1f} s")
    assert abs(bias_s) <= 1
    assert late_s > 30

"""The gate against known truths, in numbers: the table in docs/gate.md is made by this."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bench.analyze.gate import Policy, RunRow, Watched, gate, level_of_each_look
from bench.analyze.gate.judge import judge
from bench.analyze.gate.refusals import complete_pairs
from bench.analyze.intervals import Interval, over_runs, withheld, within_run
from bench.analyze.steady import batch_medians, settled_after, trend
from bench.metrics import Floats
from tests.analyze.experiments import queued
from tests.analyze.queue import serve, traffic

POLICY = Policy(
    metrics=tuple(
        Watched(metric=f"{name}.{level}", margin=margin)
        for name in ("ttft", "e2e")
        for level, margin in (("p50", 0.05), ("p95", 0.10))
    )
)
LEVELS = (0.5, 0.95, 0.99)
TIMES = 1000


def signals(rows: Sequence[RunRow]) -> bool:
    """Whether any metric is significantly worse at any look, however small the change."""
    pairs = list(complete_pairs(rows).values())
    alpha = level_of_each_look(POLICY.looks, POLICY.alpha)
    looks = (judge(POLICY, pairs[:count], alpha) for count in POLICY.looks)
    return any(found.p_holm is not None and found.p_holm <= alpha for look in looks for found in look)


def told(make: Callable[[], list[RunRow]]) -> dict[str, float]:
    """Shares of each verdict and of any signal, and the mean number of pairs that were looked at."""
    experiments = [make() for _ in range(TIMES)]
    reports = [gate(POLICY, rows) for rows in experiments]
    words = Counter(report.verdict for report in reports)
    shares = {word: words[word] / TIMES for word in ("PASS", "FAIL", "INCONCLUSIVE")}
    pairs = float(np.mean([len(report.look.pairs) for report in reports if report.look]))
    return shares | {"signal": float(np.mean([signals(rows) for rows in experiments])), "pairs": pairs}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("what", "shift", "facts", "bounds"),
    [
        ("T1 equal, load 0.5", 0.0, {}, {"FAIL": (0, 0.01), "signal": (0, 0.05)}),
        ("T1 equal, load 0.6", 0.0, {"load": 0.6}, {"FAIL": (0, 0.01), "signal": (0, 0.05)}),
        ("T2 equal, run sd 4 %", 0.0, {"run_spread": 0.04}, {"FAIL": (0, 0.02)}),
        ("T2 equal, 5 % odd runs", 0.0, {"outliers": 0.05}, {"FAIL": (0, 0.02)}),
        ("T2 equal, Student-3", 0.0, {"heavy": True}, {"FAIL": (0, 0.02)}),
        ("T3 +10 %, load 0.5", 0.10, {}, {"FAIL": (0.95, 1), "pairs": (5, 6)}),
        ("T3 +10 %, load 0.6", 0.10, {"load": 0.6}, {"FAIL": (0.95, 1), "pairs": (5, 6)}),
        ("T4 +10 %, run sd 4 %", 0.10, {"run_spread": 0.04}, {"FAIL": (0.90, 1)}),
        ("T5 +5 %, the margin", 0.05, {}, {"PASS": (0, 0.07)}),
    ],
)
def test_experiments_on_the_queue(
    what: str, shift: float, facts: dict[str, float], bounds: dict[str, tuple[float, float]]
) -> None:
    """T1 to T5, each on 1,000 experiments of pairs on the queue."""
    random = np.random.default_rng(101)
    found = told(lambda: queued(random, shift, **facts))  # type: ignore[arg-type]
    words = ", ".join(f"{word} {share:.1%}" for word, share in found.items() if word != "pairs")
    print(f"\n{what}: {words}; {found['pairs']:.1f} pairs")
    for word, (low, high) in bounds.items():
        assert low <= found[word] <= high, word


def coverage(sets: Callable[[], Sequence[Interval]], truth: Floats) -> Floats:
    """The share of `TIMES` sets whose intervals, one a level, hold the truth."""
    held = [[one.low <= t <= one.high for one, t in zip(sets(), truth, strict=True)] for _ in range(TIMES)]
    shares: Floats = np.mean(held, axis=0)
    return shares


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("load", "least"), [(0.5, 0.93), (0.6, 0.91), (0.7, 0.0), (0.8, 0.0)])
def test_intervals_of_quantiles_on_the_queue(load: float, least: float) -> None:
    """T9: coverage of a nominal 95 % in 1,000 sets, up to 0.6; T10: why they are withheld beyond."""
    random = np.random.default_rng(102)
    truth = np.quantile(serve(traffic(random, 5_000_000, load)).ttft_s, LEVELS)

    def run(n: int) -> Floats:
        return serve(traffic(random, 300 + n, load)).ttft_s

    def one() -> list[Interval]:
        values = run(6000)
        return [within_run(values, q) for q in LEVELS]

    def ten() -> list[Interval]:
        runs = [run(1500) for _ in range(10)]
        return [over_runs(runs, q) for q in LEVELS]

    in_one, in_ten = coverage(one, truth), coverage(ten, truth)
    print(f"\nload {load}: one run of 6,000 covers {in_one}, ten of 1,500 {in_ten} (p50, p95, p99)")
    assert (in_one >= least).all()
    assert (in_ten >= least).all()
    confirmed = load / 0.784  # the rate that this queue sustains with 95 % of the waits below 1 s
    shown = [withheld(confirmed, 6000, q) is None for q in LEVELS]
    assert all(shown) if load == 0.5 else not any(shown)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("load", [0.5, 0.6, 0.7, 1.05, 1.1])
def test_the_steady_state_on_the_queue(load: float) -> None:
    """V8 and V9: how often a sound run is called unsteady, and an overloaded one is found."""
    random = np.random.default_rng(103)
    runs = [serve(traffic(random, 1800, load)).ttft_s for _ in range(300)]
    medians = [batch_medians(run) for run in runs]
    p_up = np.array([trend(found).p_up for found in medians if found is not None])
    cuts = np.array([settled_after(run) for run in runs]) / 1500
    print(
        f"\nload {load}: rising p<0.001 {np.mean(p_up < 0.001):.1%}, p<0.01 {np.mean(p_up < 0.01):.1%}; "
        f"MSER-5 cut p50 {np.quantile(cuts, 0.5):.0%}, p90 {np.quantile(cuts, 0.9):.0%} of the run"
    )
    assert np.mean(p_up < 0.001) <= 0.02 if load < 1 else np.mean(p_up < 0.001) >= 0.6

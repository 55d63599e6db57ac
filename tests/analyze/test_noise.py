"""A build against itself: the spread that is there, and what is not sound."""

import itertools
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from bench.analyze.gate import ARMS, Policy, RunRow, Watched, gate, load_rows, noise
from bench.report import render_noise
from tests.analyze.experiments import drawn, row
from tests.analyze.pair_folders import POLICY as FOLDER_POLICY
from tests.analyze.pair_folders import write_experiment

POLICY = Policy(metrics=(Watched(metric="ttft.p95", margin=0.10), Watched(metric="tpot.p50", margin=0.05)))
EQUAL = {"ttft.p95": 0.0, "tpot.p50": 0.0}


def made(seed: int = 1, spread: float = 0.03, pairs: int = 20) -> list[RunRow]:
    """Pairs of one build with a known spread."""
    return drawn(np.random.default_rng(seed), EQUAL, spread, pairs)


def test_the_spread_is_found_with_an_interval_that_covers_it() -> None:
    """Of 100 environments with a spread of 3 %, about 95 are covered."""
    found = [noise(POLICY, made(seed)).metrics[0] for seed in range(100)]
    assert np.mean([one.spread for one in found]) == pytest.approx(0.03, rel=0.05)
    assert np.mean([one.spread_low <= 0.03 <= one.spread_high for one in found]) >= 0.88


def test_what_a_look_sees_follows_from_the_spread() -> None:
    """1.86 spreads at 5 pairs and 1.11 at 10, as a change."""
    found = noise(POLICY, made()).metrics[0]
    assert found.visible_changes == pytest.approx(
        [np.expm1(1.857 * found.spread), np.expm1(1.106 * found.spread)], rel=0.01
    )
    assert found.pairs_needed is not None


def test_a_quiet_environment_is_sound_and_none_of_its_sets_fails() -> None:
    """All 15,504 sets of five of the twenty pairs."""
    report = noise(POLICY, made(spread=0.01))
    assert report.sound, report.reasons
    assert (report.subsets, report.subsets_failed) == (15_504, 0)


@pytest.mark.parametrize(("ttft", "tpot", "spread"), [(0.25, 0.0, 0.1), (0.09, 0.06, 0.05)])
def test_sets_that_would_fail_are_those_that_the_gate_fails(ttft: float, tpot: float, spread: float) -> None:
    """Each set of five of seven noisy pairs, one by one through the gate.

    Also where the surest metric stays below its margin, and Holm lets the other one fall after it.
    """
    rows = drawn(np.random.default_rng(7), {"ttft.p95": ttft, "tpot.p50": tpot}, spread, 7)
    report = noise(POLICY, rows)
    one_look = POLICY.model_copy(update={"most_invalid_pairs": 0})
    failed = 0
    for chosen in itertools.combinations(range(1, 8), 5):
        mine = [replace(r, pair=chosen.index(r.pair) + 1) for r in rows if r.pair in chosen]
        failed += gate(one_look, mine).verdict == "FAIL"
    assert report.subsets == 21
    assert report.subsets_failed == failed > 0


def test_a_second_run_that_gains_makes_the_environment_unsound() -> None:
    """Each second run is 8 % faster: the change, its p, and the reason."""
    rows = [
        replace(
            r,
            values=dict.fromkeys(EQUAL, 0.92 if r.place % 2 else 1.0) | {"ttft.p95": 1.0 + r.pair / 1e4},
        )
        for r in made()
    ]
    report = noise(POLICY, rows)
    assert not report.sound
    assert "who runs second differs in tpot.p50 by -8.0%" in report.sentence
    assert report.metrics[1].order_p == pytest.approx(0, abs=1e-9)


def test_the_other_columns_are_those_of_scipy() -> None:
    """The correlation of neighbours, and the interval of the spread."""
    rows = made(3)
    both = {(r.pair, r.arm): r.values["ttft.p95"] for r in rows}
    d = np.array([np.log(both[n, "candidate"] / both[n, "baseline"]) for n in range(1, 21)])  # type: ignore[operator]
    found = noise(POLICY, rows).metrics[0]
    assert found.lag_one == pytest.approx(stats.pearsonr(d[:-1], d[1:]).statistic)
    low, high = 19 * np.var(d, ddof=1) / stats.chi2.ppf([0.975, 0.025], 19)
    assert (found.spread_low, found.spread_high) == pytest.approx((np.sqrt(low), np.sqrt(high)))


def test_few_pairs_or_none_are_not_sound() -> None:
    """Each with its sentence; invalid pairs are left out and named."""
    assert noise(POLICY, []).sentence == "not sound: there is no run: nothing was measured"
    assert "4 valid pairs are too few" in noise(POLICY, made(pairs=4)).sentence
    rows = [replace(r, faults=("V12 a lane was cold",)) if r.pair < 3 else r for r in made()]
    report = noise(POLICY, rows)
    assert report.sound
    assert [one.pair for one in report.left_out] == [1, 2]
    nothing = [row(n, arm, {}) for n in range(1, 7) for arm in ARMS]
    assert not noise(POLICY, nothing).sound


def test_it_reads_the_folders_of_an_experiment(tmp_path: Path) -> None:
    """Half a per cent of noise in each run is 0.7 % between pairs."""
    write_experiment(tmp_path / "aa", made=6, policy=FOLDER_POLICY)
    report = noise(FOLDER_POLICY, load_rows(tmp_path / "aa", FOLDER_POLICY))
    assert report.sound, report.reasons
    assert [one.name for one in report.metrics] == ["ttft.p50", "tpot.p50"]
    assert 0.002 < report.metrics[0].spread < 0.02


def test_noise_of_a_simulation_says_so() -> None:
    """In noise.json, and in the terminal."""
    report = noise(POLICY, [replace(one, unreal="simulated, virtual time") for one in made()])
    assert report.simulated == "simulated, virtual time"
    console = Console(width=100, record=True, file=StringIO())
    console.print(render_noise(report))
    assert "SIMULATED, VIRTUAL TIME: no GPU was measured" in console.export_text()

"""report.html of judged pairs and of an environment's noise, in a real browser."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analyze.gate import Policy, gate, load_rows, noise
from bench.analyze.trend import trend_of
from bench.report import (
    trend_page,
    write_gate,
    write_gate_report,
    write_noise,
    write_noise_report,
    write_trend_report,
)
from tests.analyze.pair_folders import POLICY, write_experiment
from tests.analyze.pasts import ONE_METRIC, nights, noisy
from tests.report.reading import check_page

SECTIONS = (
    "Metric by metric",
    "The pairs, in the order in which they were made",
    "Where in the distribution",
    "Every run",
    "What this design could see",
    "Were the runs fit?",
    "How it was made",
)
WIDE = Policy(looks=(3, 5), min_window_s=40)


def judged(folder: Path, policy: Policy) -> Path:
    """The page of an experiment, as `bench gate` leaves it."""
    write_gate(folder, gate(policy, load_rows(folder, policy)))
    return write_gate_report(folder)


def test_a_slower_build_is_told_in_words_first(chrome: Any, tmp_path: Path) -> None:
    """FAIL by name with its numbers, then margins, pairs, shift, distributions, power, validity."""
    write_experiment(tmp_path / "ab", slower_tpot=0.12, policy=WIDE)
    page = judged(tmp_path / "ab", WIDE)
    for width_px in (390, 1280):
        seen = check_page(chrome, page, width_px, figures=5)
    assert seen.startswith("FAIL: the candidate is worse by more than is tolerated")
    assert seen.index("tpot.p50 went from 20.0") < seen.index("Metric by metric")
    assert [section for section in SECTIONS if section not in seen] == []
    assert "With 3 pairs: every margin is seen" in seen
    assert "Every run is fit, without a warning." in seen
    assert "SIMULATED gateway" in seen


def test_an_invalid_experiment_says_why_and_shows_no_verdict(chrome: Any, tmp_path: Path) -> None:
    """The reasons stand first; only what needs no verdict is drawn."""
    write_experiment(tmp_path / "ab", state="interrupted", labels={"build": "<b>1</b>"})
    page = judged(tmp_path / "ab", POLICY)
    seen = check_page(chrome, page, 390, figures=1)
    assert seen.startswith("INVALID: these runs allow no verdict")
    assert "the run is interrupted, not complete" in seen
    assert "No metric was compared" in seen
    assert "build=<b>1</b>" in seen


def test_an_experiment_without_a_run_has_a_page(tmp_path: Path) -> None:
    """No data is told as such."""
    write_experiment(tmp_path / "ab", made=0)
    text = judged(tmp_path / "ab", POLICY).read_text(encoding="utf-8")
    assert "there is no run: nothing was measured" in text
    assert "No run was made." in text


def test_the_noise_of_an_environment_is_shown(chrome: Any, tmp_path: Path) -> None:
    """What each look sees against the margin, the pairs in order, normal plots, every run."""
    write_experiment(tmp_path / "aa", policy=WIDE, made=5)
    write_noise(tmp_path / "aa", noise(WIDE, load_rows(tmp_path / "aa", WIDE)))
    page = write_noise_report(tmp_path / "aa")
    for width_px in (390, 1280):
        seen = check_page(chrome, page, width_px, figures=4)
    assert seen.startswith("The environment is sound")
    assert "Of 10 sets of 3 of these pairs, 0 would FAIL" in seen
    assert "What a gate could see here" in seen


def test_a_history_shows_where_it_moved(chrome: Any, tmp_path: Path) -> None:
    """The change in words first, then the points with the place; the same from trend.json."""
    values = 0.1 * noisy(np.random.default_rng(1), 30)
    values[22:] *= 1.2
    report = trend_of(ONE_METRIC, nights(values))
    page = write_trend_report(tmp_path / "trend.html", report)
    for width_px in (390, 1280):
        seen = check_page(chrome, page, width_px, figures=1)
    assert seen.startswith("Something got worse")
    assert "since b22" in seen
    assert "Here moved: ttft.p50." in seen


@pytest.mark.parametrize(
    ("runs", "title"),
    [(40, "Nothing new got worse"), (3, "Nothing can be told"), (0, "Nothing can be told")],
)
def test_the_title_of_a_history_is_that_of_its_exit_code(runs: int, title: str) -> None:
    """What was mended long ago is not shown as worse, and no data not as good."""
    values = noisy(np.random.default_rng(6), 40)
    values[15:25] *= 1.15
    report = trend_of(ONE_METRIC, nights(values[:runs]), strict=True)
    shown = trend_page.headline(report).text
    assert title in shown
    assert ('class="good"' in shown) == (report.exit_code == 0)
    assert 'class="bad"' not in shown

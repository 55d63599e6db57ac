"""Frames behind the figures of a report of pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.analyze import AnalysisError
from bench.analyze.gate import (
    Policy,
    Watched,
    changes,
    gate,
    load_evidence,
    load_rows,
    normal_plot,
    read_gate,
    read_noise,
    shift,
    visible,
)
from bench.report import write_gate
from tests.analyze.pair_folders import POLICY, write_experiment


def test_the_shift_is_the_ratio_of_the_quantiles(tmp_path: Path) -> None:
    """A decode that takes 12 % longer is 12 % at each quantile of tpot and nothing of ttft, in its band."""
    write_experiment(tmp_path / "ab", slower_tpot=0.12)
    evidence = load_evidence(tmp_path / "ab")
    assert [one.place for one in evidence] == list(range(6))
    tpot = shift(evidence, (1, 2, 3), 0.05, "tpot")
    assert tpot.index[0] == pytest.approx(0.05)
    assert tpot.index[-1] == pytest.approx(0.96)  # ten of the 300 requests lie beyond
    assert tpot["change"].to_numpy() == pytest.approx(0.12, abs=0.02)
    assert (tpot["low"] < tpot["change"]).all()
    ttft = shift(evidence, (1, 2, 3), 0.05, "ttft")
    assert ((ttft["low"] < 0) & (ttft["high"] > 0)).all()
    assert shift(evidence, (1, 9), 0.05, "tpot").empty


def test_a_verdict_is_read_as_it_was_left(tmp_path: Path) -> None:
    """gate.json back to the same report; the changes of its pairs are those of their mean."""
    write_experiment(tmp_path / "ab", slower_tpot=0.12)
    report = gate(POLICY, load_rows(tmp_path / "ab", POLICY))
    write_gate(tmp_path / "ab", report)
    assert read_gate(tmp_path / "ab") == report
    tpot = report.metrics[1]
    frame = changes(POLICY, {tpot.name: tpot.differences}, (1, 2, 3))
    assert np.log1p(frame["tpot.p50"]).mean() == pytest.approx(np.log1p(tpot.change or 0.0))


@pytest.mark.parametrize("read", [read_gate, read_noise])
@pytest.mark.parametrize("text", [None, "{", json.dumps({"format_version": 2})])
def test_a_verdict_that_cannot_be_read_says_what_to_type(
    read: object, text: str | None, tmp_path: Path
) -> None:
    """Missing, torn, or of a version to come."""
    assert callable(read)
    if text is not None:
        for name in ("gate.json", "noise.json"):
            (tmp_path / name).write_text(text)
    with pytest.raises(AnalysisError, match=r"run `bench (gate|aa)"):
        read(tmp_path)


def test_what_is_visible_is_told_in_margins() -> None:
    """Against scipy: at 5 pairs and 5 %, 1.61 spreads times the square root are found nine times of ten."""
    policy = Policy(
        metrics=(Watched(metric="ttft.p95", margin=0.10), Watched(metric="error_rate", margin=0.005))
    )
    seen = visible(policy.metrics, {"ttft.p95": 0.03, "error_rate": 0.001}, 0.05, 30)
    assert list(seen.index) == list(range(3, 31))
    found = seen.loc[5, "ttft.p95"] * np.log1p(0.10) / 0.03
    power = stats.nct.sf(stats.t.ppf(0.95, 4), 4, found * np.sqrt(5))
    assert power == pytest.approx(0.9, abs=1e-6)
    assert seen.loc[5, "error_rate"] == pytest.approx(found * 0.001 / 0.005)


def test_a_normal_plot_is_that_of_blom() -> None:
    """In order, centred, in standard deviations; a constant has none."""
    d = np.random.default_rng(1).normal(3.0, 2.0, 50)
    points = normal_plot(d.tolist())
    assert np.corrcoef(points["expected"], points["found"])[0, 1] > 0.98
    assert points["found"].std(ddof=1) == pytest.approx(1.0)
    assert points["expected"].iloc[0] == pytest.approx(stats.norm.ppf((1 - 0.375) / 50.25))
    assert (normal_plot([1.0, 1.0, 1.0])["found"] == 0).all()

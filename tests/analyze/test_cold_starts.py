"""Several starts together, from run folders."""

from pathlib import Path

import pytest

from bench.analyze import AnalysisError, load_starts
from tests.analyze.starts import write_starts


def test_starts_have_a_curve_and_a_reach(tmp_path: Path) -> None:
    """The median between its ends, the longest, and what that covers of all starts."""
    report = load_starts(write_starts(tmp_path / "mine", [4.5, 8.5, 6.5, 2.5, 20.5], left=1))
    (lane,) = report.lanes
    assert (report.planned, report.made, lane.count, lane.still_cold) == (6, 5, 5, 0)
    assert lane.median.low_s == pytest.approx(6.0)
    assert lane.median.high_s == pytest.approx(7.02, abs=0.001)
    assert lane.curve_median_s == pytest.approx(6.51, abs=0.001)
    assert lane.longest_s == pytest.approx(21.02, abs=0.001)
    assert lane.covers == pytest.approx(0.05 ** (1 / 5))
    assert lane.bounds == {"p50": pytest.approx(21.02, abs=0.001), "p75": None, "p90": None, "p95": None}
    assert [round(step.started, 6) for step in lane.curve] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert [one.share for one in lane.assured][-1] == lane.covers
    assert {one.cold_for_s for one in lane.starts} == {12.0}


def test_one_that_never_started_stays_in(tmp_path: Path) -> None:
    """It is longer than its run: the curve is open at its end, and the reach shrinks."""
    (lane,) = load_starts(write_starts(tmp_path / "mine", [4.5, 8.5, 99])).lanes
    assert (lane.count, lane.still_cold) == (3, 1)
    assert lane.curve[-1].high_s is None
    assert lane.curve[-1].low_s == pytest.approx(59.0)
    assert lane.median.low_s == pytest.approx(8.0)
    assert lane.longest_s == pytest.approx(9.02, abs=0.001)
    assert lane.covers is not None
    assert lane.covers < 0.05 ** (1 / 3)


def test_a_median_is_no_more_exact_than_what_was_seen(tmp_path: Path) -> None:
    """Overlapping intervals make a step of 20 ms in the curve; the median is told over a second."""
    (lane,) = load_starts(write_starts(tmp_path / "mine", [3.5, 4.5])).lanes
    assert lane.curve[0].high_s is not None
    assert lane.curve[0].high_s - lane.curve[0].low_s < 0.03
    assert (lane.median.low_s, lane.median.high_s) == pytest.approx((3.5, 4.52), abs=0.001)


def test_a_warm_lane_is_refused(tmp_path: Path) -> None:
    """It is named with its reason, and counts nowhere."""
    report = load_starts(write_starts(tmp_path / "mine", [4.5, 0]))
    assert [lane.count for lane in report.lanes] == [1]
    assert [(one.folder, one.why) for one in report.refused] == [("l4-2", "it refused nothing as cold")]


@pytest.mark.parametrize(
    ("kind", "took_s", "sentence"),
    [("rates", [1.5], "is an experiment of kind rates"), ("provision", [], "holds no finished start yet")],
)
def test_a_folder_without_starts_is_told(
    tmp_path: Path, kind: str, took_s: list[float], sentence: str
) -> None:
    """Of another kind, or nothing done yet."""
    with pytest.raises(AnalysisError, match=sentence):
        load_starts(write_starts(tmp_path / "mine", took_s, kind, left=1))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [(None, "it has no experiment.json"), ("{", "not readable"), ('{"kind": "provision"}', "no finished")],
)
def test_a_damaged_experiment_is_told(tmp_path: Path, text: str | None, sentence: str) -> None:
    """Missing, torn, or without runs."""
    if text is not None:
        (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(AnalysisError, match=sentence):
        load_starts(tmp_path)

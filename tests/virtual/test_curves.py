"""The curves of docs/curves.md are what the model says today."""

import csv
from pathlib import Path

import pytest

from bench.virtual.curves.__main__ import file_stem
from bench.virtual.curves.draw import draw
from bench.virtual.curves.points import CASES, LLAMA, QWEN, Case, Point, curve, point
from tests.conftest import ROOT

CURVES = ROOT / "docs" / "curves"


def rows() -> dict[tuple[str, str, float], dict[str, str]]:
    """The committed points."""
    with (CURVES / "points.csv").open(encoding="utf-8") as file:
        return {(row["profile"], row["model"], float(row["rate_per_s"])): row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("profile", "model", "rate_per_s"),
    [("l4", QWEN, 1.0), ("l4", QWEN, 5.0), ("l4", LLAMA, 1.75), ("a100-40gb", LLAMA, 2.0)],
)
def test_the_committed_points_are_those_of_the_model(profile: str, model: str, rate_per_s: float) -> None:
    """Who changes the model makes the figures anew: python -m bench.virtual.curves."""
    fresh, row = point(Case(profile, model, ()), rate_per_s), rows()[profile, model, rate_per_s]
    for name in ("ttft_p50_s", "tpot_p50_s", "output_per_s", "compute_efficiency"):
        assert getattr(fresh, name) == pytest.approx(float(row[name]), rel=0.01)


def test_every_point_and_figure_is_there_and_shown() -> None:
    """All cases stand in the CSV; each model has a figure that the page shows."""
    wanted = {(case.profile, case.model, float(rate)) for case in CASES for rate in case.rates_per_s}
    assert rows().keys() == wanted
    page = (ROOT / "docs" / "curves.md").read_text(encoding="utf-8")
    for model in {case.model for case in CASES}:
        assert (CURVES / f"{file_stem(model)}.svg").is_file()
        assert f"(curves/{file_stem(model)}.svg)" in page


def test_a_chip_that_computes_better_is_no_slower(tmp_path: Path) -> None:
    """More compute efficiency lowers TPOT under load, and three such curves make a figure."""
    case = Case("l4", QWEN, (1.0, 2.0))
    curves: tuple[list[Point], ...] = tuple(curve(case, doubt) for doubt in (0.0, -0.1, 0.1))
    as_is, less, more = curves
    assert more[1].tpot_p50_s < as_is[1].tpot_p50_s < less[1].tpot_p50_s
    draw(QWEN, [(as_is, less, more)], tmp_path / "figure.svg")
    assert "l4, p95" in (tmp_path / "figure.svg").read_text(encoding="utf-8")

"""Starts, from cold and under load, in the terminal and on the page."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.analyze import load_starts
from bench.report import WIDTH, render_starts, write_starts_page
from tests.analyze.starts import write_scale_outs, write_starts
from tests.report.reading import check_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six starts, one of which never ended, and a lane that was warm."""
    return write_starts(tmp_path_factory.mktemp("starts") / "mine", [4.5, 8.5, 6.5, 3.5, 20.5, 99, 0])


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lanes under load: a further worker came, none did, and one took another's place."""
    told = [["A", "A", "A", "A", "Ab", "AB"], ["A"] * 9, ["A", "A", "A", "A", "", "B"]]
    return write_scale_outs(tmp_path_factory.mktemp("grown") / "mine", told)


def rendered(folder: Path) -> str:
    """The table and what stands around it, in one line; no line of it is wider than it may be."""
    console = Console(width=WIDTH, file=io.StringIO())
    console.print(render_starts(load_starts(folder)))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    return " ".join(" ".join(lines).split())


def test_scale_out_is_told_as_such(grown: Path) -> None:
    """In 100 columns, and never as a start from cold."""
    text = rendered(grown)
    assert "Scale-out under load, from 1 worker" in text
    assert "seconds since the load's first request" in text
    assert "the median scale-out from 1 worker took" in text
    assert "1 of 2 had not ended with their run" in text
    assert "l4-3: qwen3-4b / l4 is no evidence of a scale-out under load: a worker was lost" in text
    assert "cold" not in text.replace("cold starts are", "")


def test_the_table_fits_and_says_how_far_it_goes(folder: Path) -> None:
    """In 100 columns: simulated, counts, the honest sentence, and what was no evidence."""
    text = rendered(folder)
    assert "SIMULATED gateway" in text
    assert "7 of 7 runs made" in text
    assert "1 of 6 had not ended with their run" in text
    assert "the longest that ended, 21.0 s, covers p41 with 95% confidence (n = 6)" in text
    assert "l4-7: qwen3-4b / l4 is no evidence of a start from cold: it refused nothing as cold" in text


@pytest.mark.parametrize("width_px", [390, 1280])
def test_the_page_shows_the_curve(chrome: Any, folder: Path, width_px: int) -> None:
    """Self-contained, nothing sticks out, and the sentence stands above the figure."""
    page = folder / "report.html"
    if not page.exists():
        write_starts_page(folder)
    seen = check_page(chrome, page, width_px, figures=1)
    assert "covers p41 with 95% confidence" in seen
    assert "Each start" in seen


def test_the_page_of_scale_out_speaks_of_no_cold_lane(chrome: Any, grown: Path) -> None:
    """The same page in other words: what was looked at, and when a run had not what it needed."""
    seen = check_page(chrome, write_starts_page(grown), 1280, figures=1)
    assert "scale-out under load, from 1 worker" in seen
    assert "two looks at the gateway's /health" in seen
    assert "none came" in seen
    assert "refusal" not in seen.replace("refusals", "")

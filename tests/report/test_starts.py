"""Cold starts in the terminal and on the page."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.analyze import load_starts
from bench.report import WIDTH, render_starts, write_starts_page
from tests.analyze.starts import write_starts
from tests.report.reading import check_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six starts, one of which never ended, and a lane that was warm."""
    return write_starts(tmp_path_factory.mktemp("starts") / "mine", [4.5, 8.5, 6.5, 3.5, 20.5, 99, 0])


def test_the_table_fits_and_says_how_far_it_goes(folder: Path) -> None:
    """In 100 columns: simulated, counts, the honest sentence, and what was no evidence."""
    console = Console(width=WIDTH, file=io.StringIO())
    console.print(render_starts(load_starts(folder)))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= WIDTH
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

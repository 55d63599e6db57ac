"""report.html, made by a real kernel and opened by a real browser."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bench.record import Outcome, RunFolder, Salvage
from bench.report import NotebookError, write_report, write_sweep
from bench.report.assets import dashboards
from bench.report.notebook import to_html
from tests.analyze.runs import MS, S, lost, mixed_run, streamed, write_run
from tests.report.browser import show
from tests.report.reading import WIDTHS, check_page, outside

SECTIONS = (
    "Numbers",
    "Latency over time",
    "Distributions",
    "Outcomes over time",
    "Rates",
    "Workers",
    "May it enter a gate?",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with a report, and whose scenario and server try to smuggle HTML in."""
    folder = mixed_run(tmp_path_factory.mktemp("runs") / "mixed", warnings=["<script>alert(1)</script>"])
    write_report(folder)
    return folder


def text(folder: RunFolder) -> str:
    """The page of a run."""
    return write_report(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("width_px", [390, 1280])
def test_a_browser_without_network_shows_every_figure(chrome: Any, run: RunFolder, width_px: int) -> None:
    """Every image loads and says what to see, nothing is fetched, and nothing sticks out to the side."""
    assert "&lt;script&gt;alert(1)" in run.report_file.read_text(encoding="utf-8")
    assert "Latency over time" in check_page(chrome, run.report_file, width_px, figures=9)


def test_every_section_and_the_marker_are_seen(chrome: Any, run: RunFolder) -> None:
    """A reader meets the headings, the simulated marker and the books; code is folded away."""
    show(chrome, run.report_file, 1280)
    seen = chrome.execute_script("return document.body.innerText")
    assert all(section in seen for section in SECTIONS)
    assert "SIMULATED gateway" in seen
    assert "20x shorter than life" in seen
    assert "scheduled 480 = ok" in seen
    assert "import" not in seen


def test_a_run_in_which_nothing_succeeded_says_so(tmp_path: Path) -> None:
    """It still leaves a report."""
    rows = [lost(i, i * S, Outcome.FAILED, reason="overloaded") for i in range(60)]
    page = text(write_run(tmp_path / "run", rows))
    assert "Not one of 60 requests was answered" in page
    assert "Traceback" not in page


def test_an_empty_window_says_so(tmp_path: Path) -> None:
    """No request after the warm-up: nothing was measured, and that is what the page says."""
    page = text(write_run(tmp_path / "run", [streamed(0, S, [MS, 2 * MS], 2)]))
    assert "nothing was measured" in page


def test_a_salvaged_run_says_what_is_uncertain(tmp_path: Path) -> None:
    """Unfinished, not sent, and both doubts."""
    rows = [
        *(streamed(i, i * S, [MS, 2 * MS], 2) for i in range(30)),
        lost(30, 30 * S, Outcome.UNFINISHED),
        *(lost(i, i * S, Outcome.NOT_SENT) for i in range(31, 60)),
    ]
    doubts = Salvage(torn_entries=1, last_beat_ns=30 * S, maybe_sent=3, maybe_ended=1)
    page = text(write_run(tmp_path / "run", rows, state="salvaged", salvage=doubts))
    assert "unfinished 1 + not_sent 29" in page
    assert "1 requests counted as unfinished may have ended" in page
    assert "3 requests counted as not sent may have been sent" in page
    assert "cut off (and salvaged) at 30.0 s" in page


def test_a_sweep_has_its_figure(tmp_path: Path, chrome: Any) -> None:
    """Two rates give a latency-throughput figure and a table."""
    for rate in (4, 8):
        mixed_run(tmp_path / f"rate-{rate}", rate_per_s=float(rate))
    runs = [{"rate_per_s": rate, "folder": f"rate-{rate}"} for rate in (4, 8)]
    (tmp_path / "experiment.json").write_text(json.dumps({"kind": "rates", "runs": runs}))
    page = write_sweep(tmp_path)
    assert outside(page.read_text(encoding="utf-8")) == []
    show(chrome, page, 390)
    assert all(width > 0 for width in chrome.execute_script(WIDTHS))
    assert "Latency against rate" in chrome.execute_script("return document.body.innerText")
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= 390


def test_a_failing_cell_is_told_and_its_kernel_ended(tmp_path: Path) -> None:
    """The cell's own error comes through, no report is left, and no kernel stays behind."""
    folder = write_run(tmp_path / "run", [])
    folder.requests_file.unlink()
    with pytest.raises(NotebookError, match=r"AnalysisError.*bench salvage"):
        write_report(folder)
    assert not folder.report_file.exists()
    assert _kernels() == []


def test_running_leaves_nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches, histories and connection files go to a folder that is removed."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    folder = mixed_run(tmp_path / "run")
    to_html("run.ipynb", "home", {"BENCH_RUN": str(folder.path)})
    assert list(home.iterdir()) == []
    assert _kernels() == []


@pytest.mark.parametrize(
    "name",
    [
        "run.ipynb",
        "sweep.ipynb",
        "regression.ipynb",
        "aa.ipynb",
        "trend.ipynb",
        "provisioning.ipynb",
        "capacity.ipynb",
        "profiles.ipynb",
    ],
)
def test_notebooks_are_kept_without_output(name: str) -> None:
    """What is in the repository is the question, not an answer; and no path of anybody's machine."""
    notebook = nbformat.read(dashboards() / name, as_version=4)  # type: ignore[no-untyped-call]
    assert all(not cell.get("outputs") for cell in notebook.cells)
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


def _kernels() -> list[str]:
    """Command lines of this process's children that are kernels."""
    task = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    children = task.read_text().split() if task.exists() else []
    lines = [Path(f"/proc/{child}/cmdline") for child in children]
    return [line for path in lines if path.exists() and "ipykernel" in (line := path.read_text())]

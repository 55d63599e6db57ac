"""The page of a capacity search."""

from pathlib import Path
from typing import Any

import pytest

from bench.analyze import AnalysisError, load_search
from bench.experiment import report_of
from bench.report import write_search, write_search_page
from tests.experiment.reported import CHECK, searched
from tests.experiment.searches import curve
from tests.report.reading import check_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two replicas of two profiles; a run folder for each run, so that links lead somewhere."""
    made = tmp_path_factory.mktemp("searches") / "mine"
    search = searched({"l4": curve(40.0), "a100-40gb": curve(200.0, salt=3)}, replicas=2)
    for runs in search.made.values():
        for run in runs:
            (made / run.folder).mkdir(parents=True)
    write_search(made, report_of(search, CHECK))
    write_search_page(made)
    return made


@pytest.mark.parametrize("width_px", [390, 1280])
def test_the_page_answers_and_shows_every_run(chrome: Any, folder: Path, width_px: int) -> None:
    """Sentence and figure a profile, what is not real, what is too short, and a link to each run."""
    seen = " ".join(check_page(chrome, folder / "report.html", width_px, figures=2).split())
    report = load_search(folder)
    for one in report.profiles:
        assert f"{one.profile}: {one.sentence} (2 replicas; one of them: " in seen
        assert all(run.folder in seen for run in one.runs)
    assert "SIMULATED, VIRTUAL TIME: no GPU was measured" in seen
    assert "NOT TO PLAN WITH: a window of 20 s is short" in seen
    links = chrome.execute_script("return document.querySelectorAll('tbody a').length")
    assert links == sum(len(one.runs) for one in report.profiles)


def test_a_long_window_of_a_real_pool_is_told_without_marks(chrome: Any, tmp_path: Path) -> None:
    """Nothing is called simulated or short that is not, and a pool of one is called so."""
    real = searched({"l4": curve(40.0)}, real=True)
    long = CHECK.model_copy(update={"duration_s": 180.0})
    write_search(tmp_path, report_of(real, long))
    for run in real.made["l4"]:
        (tmp_path / run.folder).mkdir()
    seen = check_page(chrome, write_search_page(tmp_path), 1280, figures=1)
    assert "(one replica)" in seen
    assert "SIMULATED" not in seen
    assert "NOT TO PLAN WITH" not in seen


def test_a_search_that_has_not_ended_has_no_page(tmp_path: Path) -> None:
    """One sentence that says who leaves the file."""
    with pytest.raises(AnalysisError, match=r"no readable search.json: `bench capacity` leaves it"):
        load_search(tmp_path)

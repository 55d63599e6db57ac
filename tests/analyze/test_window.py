import json
from pathlib import Path

import pytest

from bench.analyze import AnalysisError, load, newest, summarise, window_of
from bench.record import FolderError, Outcome, RunFolder
from tests.analyze.runs import MS, S, lost, scenario, streamed, write_run

OPEN = [streamed(i, i * S, [MS, 2 * MS], 2) for i in range(60)]


def test_a_request_belongs_by_its_scheduled_instant(tmp_path: Path) -> None:
    """The window is half open: warm-up's end is inside, the end of the run is not."""
    rows = [streamed(i, at, [MS, 2 * MS], 2) for i, at in enumerate((10 * S - 1, 10 * S, 60 * S - 1, 60 * S))]
    assert summarise(load(write_run(tmp_path / "run", rows))).overall.window.scheduled == 2


def test_an_interrupted_run_ends_at_the_last_request_reached(tmp_path: Path) -> None:
    """What was never reached is outside the window, and the window says why."""
    rows = OPEN[:31] + [lost(i, i * S, Outcome.NOT_SENT) for i in range(31, 60)]
    run = load(write_run(tmp_path / "run", rows, state="interrupted"))
    window = window_of(run)
    assert window.end_s == pytest.approx(30.0)
    assert "stopped at 30.0 s of 60 s" in str(window.note)
    assert summarise(run).overall.window.scheduled == 21


def test_a_run_stopped_while_draining_keeps_its_window(tmp_path: Path) -> None:
    """Every request was reached, so nothing of the window is missing."""
    window = window_of(load(write_run(tmp_path / "run", OPEN, state="interrupted")))
    assert (window.end_s, window.note) == (60.0, None)


def test_a_run_stopped_in_its_warm_up_measured_nothing(tmp_path: Path) -> None:
    """An empty window has no rates and no division by zero."""
    rows = OPEN[:5] + [lost(i, i * S, Outcome.NOT_SENT) for i in range(5, 60)]
    summary = summarise(load(write_run(tmp_path / "run", rows, state="interrupted")))
    assert summary.window.length_s == 0
    assert summary.overall.offered_rate is None
    assert "never got past its warm-up" in str(summary.window.note)


def test_a_closed_loop_ends_where_its_last_turn_began(tmp_path: Path) -> None:
    """In a closed loop nothing is `not_sent`: the last turn tells how far the run came."""
    plan = scenario(arrivals=None, closed_loop={"users": 4})
    window = window_of(load(write_run(tmp_path / "run", OPEN[:31], plan, state="interrupted")))
    assert window.end_s == pytest.approx(30.0)


def test_missing_requests_name_the_command(tmp_path: Path) -> None:
    """A crashed run says what to type."""
    folder = write_run(tmp_path / "run", OPEN[:1])
    folder.requests_file.unlink()
    with pytest.raises(AnalysisError, match=r"bench salvage .*run"):
        load(folder)


def test_damaged_requests_are_one_sentence(tmp_path: Path) -> None:
    """A torn Parquet file is no traceback."""
    folder = write_run(tmp_path / "run", OPEN[:1])
    folder.requests_file.write_bytes(b"PAR1 torn")
    with pytest.raises(AnalysisError, match="damaged"):
        load(folder)


def test_a_scenario_of_another_version_is_one_sentence(tmp_path: Path) -> None:
    """run.json may hold a scenario that this version cannot read."""
    folder = write_run(tmp_path / "run", OPEN[:1])
    facts = json.loads((folder.path / "run.json").read_text())
    facts["scenario"]["tomorrow"] = 1
    (folder.path / "run.json").write_text(json.dumps(facts))
    with pytest.raises(AnalysisError, match="another version"):
        load(folder)


def test_the_newest_run_is_the_last_one_made(tmp_path: Path) -> None:
    """A notebook opened by hand shows it; without any run it says how to make one."""
    with pytest.raises(FolderError, match="bench run"):
        newest(tmp_path)
    write_run(tmp_path / "b", OPEN[:1])
    write_run(tmp_path / "a", OPEN[:1])
    assert newest(tmp_path) == RunFolder(tmp_path / "a")

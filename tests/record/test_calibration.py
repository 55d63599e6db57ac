from pathlib import Path

import pytest

from bench.record import (
    Calibration,
    CalibrationError,
    Load,
    Machine,
    Step,
    TimingError,
    keep_calibration,
    read_calibration,
    this_machine,
)
from tests.calibrations import calibration, failed, step
from tests.conftest import ROOT


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of our own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def test_what_is_kept_for_a_host_is_what_is_read(data_home: Path) -> None:
    """One file a host, in the data folder; none is no error."""
    assert read_calibration("host") is None
    made = calibration(step(16), failed(64))
    assert keep_calibration(made) == data_home / "poolbench" / "calibration" / "host.json"
    assert read_calibration("host") == made


@pytest.mark.parametrize("text", ["", "{}", '{"format_version": 2}', "[]"])
def test_a_damaged_file_says_what_to_type(data_home: Path, text: str) -> None:
    """Also one of a format that is not known yet."""
    file = keep_calibration(calibration(step(16)))
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CalibrationError, match="bench calibrate"):
        read_calibration("host")
    assert data_home in file.parents


def test_of_a_load_that_was_tried_twice_the_last_try_counts() -> None:
    """A disturbed step that held later is proved; one that did not hold again is not."""
    made = calibration(failed(16, foreign_share=0.4), step(16), step(64), failed(64, gave_out="server"))
    assert [proved.asked for proved in made.proved()] == [(16, 0)]
    assert made.gave_out() == "server"
    assert calibration(step(16)).gave_out() is None


@pytest.mark.parametrize(
    ("load", "covered"),
    [((16, 480.0, 8.0), True), ((17, 1.0, 1.0), False), ((1, 481.0, 1.0), False), ((1, 1.0, 9.0), False)],
)
def test_a_load_covers_another_only_in_everything(load: tuple[int, float, float], covered: bool) -> None:
    """Streams, events and requests, all three."""
    streams, events, requests = load
    other = Load(streams=streams, events_per_s=events, requests_per_s=requests)
    assert step(16).held.covers(other) is covered


def test_every_key_is_explained() -> None:
    """Each key of the file stands in a table of the docs."""
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    rows = " ".join(line for line in page.splitlines() if line.startswith("| `"))
    for model in (Calibration, Machine, Step, Load, TimingError):
        assert [name for name in model.model_fields if f"`{name}`" not in rows] == []


def test_this_machine_names_itself() -> None:
    """All that a calibration depends on."""
    assert all(this_machine().model_dump(exclude={"cpu"}).values())

"""`bench calibrate`, and what preview and verdict make of it, from the command line."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.record import this_machine
from tests.calibrations import calibration, failed, step
from tests.commands.cli import SCENARIOS, Said, bench

SMOKE = SCENARIOS / "smoke.yaml"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the calibration of this host lies, in a data folder of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "data" / "poolbench" / "calibration"
    folder.mkdir(parents=True)
    return folder / f"{os.uname().nodename}.json"


def keep(file: Path, streams: int, **facts: Any) -> None:
    """A calibration of this very machine that proved so many streams."""
    made = calibration(step(streams), failed(streams * 4), **({"machine": this_machine()} | facts))
    file.write_text(made.model_dump_json(), encoding="utf-8")


def preview(cwd: Path, scenario: str = "smoke") -> str:
    """What preview says, in one line: it wraps at 100 columns."""
    said = bench("preview", SCENARIOS / f"{scenario}.yaml", cwd=cwd)
    assert said.code == 0, said.err
    return " ".join(said.out.split())


def test_a_quick_calibration_shows_its_steps_and_leaves_them_where_asked(tmp_path: Path, kept: Path) -> None:
    """Progress, a table, who gave out; a truth log a step; a file unless others disturbed."""
    said = bench("calibrate", "--quick", "--results", "steps", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "step 1: 8 streams ..." in said.out
    assert "in flight" in said.out
    assert all(word in said.out for word in ("TTFT err", "gap err", "server", "others"))
    assert said.out.count("error p99 TTFT") == len(list((tmp_path / "steps").glob("*/truth.msgpack")))
    assert ("kept in" in said.out) == kept.exists() == ("not kept" not in said.out)
    if kept.exists():
        _check_what_was_kept(json.loads(kept.read_text(encoding="utf-8")))


def _check_what_was_kept(found: dict[str, Any]) -> None:
    assert found["machine"] == this_machine().model_dump()
    assert found["quick"] is True
    first = found["steps"][0]
    assert (first["asked_streams"], first["asked_small_requests_per_s"]) == (8, 0)
    assert 0 < first["held"]["events_per_s"] < 500
    assert first["gap"]["n"] > 100
    assert first["ttft"]["p50_ms"] < 1000
    assert first["engine_us_per_event"] > 1


def test_preview_says_whether_a_scenario_is_within_what_was_proved(tmp_path: Path, kept: Path) -> None:
    """Not calibrated, within, above, and made with another Python."""
    assert "was not calibrated, so no load is proved safe on it; next: bench calibrate" in preview(tmp_path)
    keep(kept, 64)
    assert "Its peak (2 streams, 48 events/s, 4 requests/s) is within 64 streams" in preview(tmp_path)
    assert "is above what `bench calibrate` proved: 64 streams" in preview(tmp_path, "trace")
    keep(kept, 64, machine=this_machine().model_copy(update={"python": "3.10.0"}))
    assert "does not count: it was made with python 3.10.0, not 3.11" in preview(tmp_path)


def test_a_damaged_calibration_is_named_with_what_to_type(tmp_path: Path, kept: Path) -> None:
    """Preview shows the rest of what it knows."""
    kept.write_text("{}", encoding="utf-8")
    said = preview(tmp_path)
    assert "renew it with `bench calibrate`" in said
    assert "40 arrivals" in said


def run(cwd: Path, name: str) -> tuple[Said, dict[str, Any]]:
    """A short run, and the verdict of its summary."""
    said = bench("run", SMOKE, "--set", "duration_s=2", "--set", "warmup_s=0", "--out", name, cwd=cwd)
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads((cwd / name / "summary.json").read_text(encoding="utf-8"))["verdict"]
    return said, found


def test_a_run_notes_its_hosts_calibration_and_is_judged_by_it(tmp_path: Path, kept: Path) -> None:
    """Uncalibrated before, trusted after; on a machine so busy that it is suspect, that goes first."""
    _, before = run(tmp_path, "before")
    assert before["judgement"] in {"uncalibrated", "suspect", "invalid"}
    keep(kept, 64)
    _, after = run(tmp_path, "after")
    assert after["judgement"] in {"trusted", "suspect", "invalid"}
    noted = json.loads((tmp_path / "after" / "run.json").read_text(encoding="utf-8"))["calibration"]
    assert noted == json.loads(kept.read_text(encoding="utf-8"))
    kept.unlink()
    again = bench("summary", tmp_path / "after", cwd=tmp_path)
    assert after["judgement"].upper() in again.out


def test_a_damaged_calibration_does_not_stop_a_run(tmp_path: Path, kept: Path) -> None:
    """It is a warning in the folder."""
    kept.write_text("{}", encoding="utf-8")
    said, _ = run(tmp_path, "run")
    assert "renew it with `bench calibrate`" in " ".join(said.out.split())


def test_check_needs_a_calibration_that_counts(tmp_path: Path, kept: Path) -> None:
    """Without one there is no promise to hold."""
    said = bench("calibrate", "--check", cwd=tmp_path)
    assert (said.code, kept.exists()) == (2, False)
    assert "was not calibrated" in said.err
    assert "run `bench calibrate` without --check" in said.err


def test_check_tries_what_was_proved_again(tmp_path: Path, kept: Path) -> None:
    """Exit code 0 if the error is as promised and 1 if not, and the calibration stays as it is."""
    keep(kept, 4, quick=True)
    before = kept.read_text(encoding="utf-8")
    said = bench("calibrate", "--check", cwd=tmp_path)
    assert "step 1: 4 streams ..." in said.out
    words = {0: "+00:00 holds for 4 streams", 1: "+00:00 does not hold for 4 streams"}
    assert words[said.code] in " ".join(said.out.split())
    assert kept.read_text(encoding="utf-8") == before

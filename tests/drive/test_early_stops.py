"""Stops that come early or late: before there was anything to stop, and when all has ended."""

import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, Drive, counts, prepared, requests_of, told_by, wait_for

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
LONG = "duration_s=60"


def stopped(run: Drive, number: signal.Signals, at: str, delay_s: float) -> None:
    """Send the signal so long after a path of the run folder appeared; the drive must end by it."""
    wait_for(run.folder.path / at, every_s=0.0002)
    time.sleep(delay_s)
    run.interrupt(number)
    code, _, err = run.end()
    assert (code, err) == (130, ""), f"{delay_s} s after {at}"


def is_complete(run: Drive) -> bool:
    """Whether it is marked as interrupted, and each of its 600 requests was sent or told as not sent."""
    found = counts(requests_of(run.folder))
    assert set(found) <= {"ok", "not_sent"}
    assert sum(found.values()) == 600
    return run.folder.info().state == "interrupted"


@BOTH
def test_from_its_log_on_a_folder_is_complete_whenever_a_signal_comes(
    number: signal.Signals, sim: Sim, tmp_path: Path
) -> None:
    """As soon as the log's folder is there, while connections are opened, and while the engine starts."""
    url = sim(*FLEET)
    for at, delay_s in (("log", 0.0), ("log/worker-0.msgpack", 0.008), ("log", 0.045), ("log", 0.3)):
        run = Drive(prepared(tmp_path / f"{at}-{delay_s}", url, SCENARIO, LONG))
        stopped(run, number, at, delay_s)
        assert is_complete(run), f"{delay_s} s after {at}"


@BOTH
def test_a_crew_leaves_a_complete_folder_or_no_log(number: signal.Signals, sim: Sim, tmp_path: Path) -> None:
    """While its workers begin there is no run to keep; once the last is ready there is one."""
    url = sim(*FLEET)
    for delay_s in (0.01, 0.4):
        run = Drive(prepared(tmp_path / str(delay_s), url, SCENARIO, LONG), "--processes", "2")
        stopped(run, number, "log/worker-1.msgpack", delay_s)
        assert not run.folder.log_files() or is_complete(run)


def test_who_calls_an_engine_that_has_just_ended_disturbs_nobody(sim: Sim) -> None:
    """Before a wish to close rings its bell the loop may be over, and the bell's descriptor another's."""
    found = told_by("call_late", sim(*FLEET))
    assert found["reused"] >= 1
    assert found["heard"] == 0

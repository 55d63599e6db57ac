"""`bench run --processes N`, from the command line to the report."""

import json
import os
import signal
import subprocess
from html import unescape
from pathlib import Path

import pytest

from tests.commands.cli import BENCH, SCENARIOS, bench, only_run
from tests.drive.runs import child

SMOKE = SCENARIOS / "smoke.yaml"
CORES = len(os.sched_getaffinity(0))
needs_two_cores = pytest.mark.skipif(CORES < 2, reason="more processes than cores are refused")


@needs_two_cores
def test_a_run_of_two_processes_ends_like_any_other_and_says_how_many_they_were(tmp_path: Path) -> None:
    """Exit 0, a log each, and the number in run.json, terminal and report."""
    said = bench("run", SMOKE, "--set", "duration_s=4", "--processes", "2", cwd=tmp_path)
    assert said.code == 0, said.err
    folder = only_run(tmp_path / "results")
    assert len(list((folder / "log").iterdir())) == 2
    info = json.loads((folder / "run.json").read_text())
    assert (info["state"], info["processes"]) == ("complete", 2)
    assert info["command"].endswith("--processes 2")
    assert "2 processes; send lag" in said.out
    assert "2 processes; send lag" in (folder / "report.html").read_text()


def test_more_processes_than_cores_are_refused(tmp_path: Path) -> None:
    """The message names both numbers, and nothing is left behind."""
    said = bench("run", SMOKE, "--processes", str(CORES + 1), cwd=tmp_path)
    assert said.code == 2
    assert f"--processes {CORES + 1}: there are {CORES} cores" in said.err
    assert not (tmp_path / "results").exists()


@needs_two_cores
def test_the_loss_of_a_worker_stands_in_terminal_and_report(tmp_path: Path) -> None:
    """`kill -9` in the middle: told at once, on the books, and exit 70 with everything in the folder."""
    words: list[str | Path] = [
        BENCH,
        "run",
        SMOKE,
        "--set",
        "duration_s=14",
        "--processes",
        "2",
        "--out",
        "run",
    ]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        if "sent" in line and " sent 0" not in line:
            break
    drive = child(process.pid, "bench.drive")
    os.kill(child(drive, "--worker\0001"), signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 70, err
    assert "worker 1 was killed by signal 9" in out
    assert "the others go on" in out
    page = unescape((tmp_path / "run" / "report.html").read_text())
    for shown in (" ".join(out.split()), page):
        assert "worker 1 of 2 was killed by signal 9" in shown
        assert "were on their way and count as unfinished" in shown
        assert "worker 1 was lost, and its part of the load" in shown
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["books"]["scheduled"] == sum(info["books"]["outcomes"].values()) == 56
    assert info["books"]["outcomes"]["not_sent"] > 0
    again = bench("salvage", "run", cwd=tmp_path)
    assert again.code == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["books"] == info["books"]

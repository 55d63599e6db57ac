"""`bench ab` on a simulated gateway: what it makes, in which order, and how it goes on."""

import json
import re
from pathlib import Path

import pytest

from bench.experiment import read
from tests.commands.cli import SCENARIOS, bench
from tests.conftest import Sim

SHORT = ("--set", "duration_s=3", "--set", "warmup_s=0.5", "--set", "classes.chat.output_tokens=4")
POLICY = "looks: [3]\nmin_window_s: 2\nmost_invalid_pairs: 0\nmetrics: [{metric: e2e.p50, margin: 0.5}]\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a policy, and a command that notes which arm it deployed."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    deploy = tmp_path / "deploy.sh"
    deploy.write_text('#!/bin/sh\necho "$BENCH_ARM" >> deployed\n')
    deploy.chmod(0o755)
    return tmp_path


@pytest.mark.timeout(600)
def test_pairs_are_made_as_planned_and_judged(place: Path, sim: Sim) -> None:
    """Twin schedules, each arm deployed before its run, files for CI; a second go makes nothing anew.

    Whether the runs are valid is up to the machine: on a busy one the first that is not ends it.
    """
    arms = ("--target", sim("--fleet", "l4=1"), "--before-arm", "./deploy.sh")
    words = ("ab", SCENARIOS / "smoke.yaml", *SHORT, "--policy", "policy.yaml", *arms)
    said = bench(*words, "--out", "mine", cwd=place, limit_s=400)
    assert said.code in {0, 1, 3, 4}, said.out + said.err
    assert "look at 3 pairs: 6 runs" in said.out
    assert re.search(r"own seeds\): (BC CB BC|CB BC CB)", said.out)
    planned = read(place / "mine")
    made = [job for job in planned.runs if job.done]
    assert made == list(planned.runs[: len(made)])
    assert len(made) % 2 == 0
    assert (place / "deployed").read_text().split() == [job.arm for job in made]
    runs = [json.loads((place / "mine" / job.folder / "run.json").read_text()) for job in made]
    assert [run["labels"]["arm"] for run in runs] == [job.arm for job in made]
    hashes = [run["schedule"]["hash"] for run in runs]
    assert hashes[0] == hashes[1]
    assert json.loads((place / "mine" / "gate.json").read_text())["exit_code"] == said.code
    assert "What this design could see" in (place / "mine" / "report.html").read_text()
    again = bench(*words, "--resume", "mine", cwd=place)
    assert again.code == said.code
    assert len((place / "deployed").read_text().split()) == len(made)
    other = bench(*words, "--seed", "2", "--resume", "mine", cwd=place)
    assert other.code == 2
    assert "was planned with other options" in other.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "name both builds"),
        (("--target", "http://127.0.0.1:9"), "name both builds"),
        (("--baseline", "http://127.0.0.1:9"), "name both builds"),
        (
            (
                "--baseline",
                "http://127.0.0.1:9",
                "--candidate",
                "http://127.0.0.1:9",
                "--set",
                "duration_s=2",
            ),
            "the window is 1 s and the policy asks for 2: --set duration_s=3",
        ),
        (
            ("--target", "http://127.0.0.1:9", "--before-arm", "true", "--label", "arm=left"),
            "the label arm names the arm of each run here",
        ),
        (("--target", "http://127.0.0.1:9", "--before-arm", "false"), "exited with 1 before pair-1-"),
        (
            ("--target", "http://127.0.0.1:9", "--before-arm", "./nowhere"),
            "--before-arm ./nowhere: No such file",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(words: tuple[str, ...], sentence: str, place: Path) -> None:
    """One sentence and exit code 2, before anything is sent."""
    said = bench("ab", SCENARIOS / "smoke.yaml", "--policy", "policy.yaml", *words, cwd=place)
    assert said.code == 2, said.out
    assert sentence in said.err


@pytest.mark.timeout(600)
def test_a_build_is_run_against_itself(place: Path) -> None:
    """Five pairs on the embedded gateway: the noise, or why it could not be told on this machine."""
    (place / "policy.yaml").write_text(POLICY.replace("min_window_s: 2", "min_window_s: 0.5"))
    short = ("--set", "duration_s=1.5", "--set", "warmup_s=0.5")
    words = (
        "aa",
        SCENARIOS / "smoke.yaml",
        *short,
        "--policy",
        "policy.yaml",
        "--pairs",
        "5",
        "--out",
        "mine",
    )
    said = bench(*words, cwd=place, limit_s=400)
    assert said.code in {0, 4}, said.out + said.err
    assert len(list(place.glob("mine/pair-*/summary.json"))) == 10
    found = json.loads((place / "mine" / "noise.json").read_text())
    assert found["sound"] == (said.code == 0)
    assert said.out.count("ound: ") == 1
    assert "What a gate could see here" in (place / "mine" / "report.html").read_text()

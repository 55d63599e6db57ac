"""`bench provision` against simulated gateways: truth, what is refused, and how it goes on."""

import json
from pathlib import Path

import pytest

from bench.experiment import read
from tests.commands.cli import SCENARIOS, bench, interrupted
from tests.commands.restarted import hold_against_truth, restarted
from tests.conftest import Sim

COLD = ("provision", SCENARIOS / "cold-start.yaml", "--profile", "l4")
SHORT = ("--set", "duration_s=10", "--set", "drain_s=2")
PATIENT = ("--set", "retry.policy=wait", "--set", "retry.cap_s=2")


@pytest.mark.timeout(600)
def test_starts_hold_the_truth_and_go_on_after_an_interrupt(tmp_path: Path) -> None:
    """Each interval has the worker's instant in it, though the clients wait as long as they are advised.

    Ctrl-C in the second start keeps the first and reports it; --resume makes the second, and the third that
    is asked for now, and no other.
    """
    folder = tmp_path / "mine"
    with restarted(tmp_path, scale=0.012) as gateway:
        words: tuple[str | Path, ...] = (*COLD, *SHORT, *PATIENT, *gateway)
        stopped = (*words, "--repeat", "2", "--out", "mine")
        said = interrupted(*stopped, cwd=tmp_path, when=lambda _: (folder / "l4-2" / "log").exists())
        assert said.code == 130, said.out + said.err
        assert "1 of 2 runs made" in said.out
        assert [job.done for job in read(folder).runs] == [True, False]
        before = (folder / "l4-1" / "run.json").stat().st_mtime_ns
        said = bench(*words, "--repeat", "3", "--resume", "mine", cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert before == (folder / "l4-1" / "run.json").stat().st_mtime_ns
    assert (folder / "l4-2-stopped-1").exists()
    other = bench(*words, "--resume", "mine", "--target", "http://127.0.0.1:9", cwd=tmp_path)
    assert (other.code, "was planned with other options" in other.err) == (2, True)
    hold_against_truth(tmp_path, folder, count=3)
    found = json.loads((folder / "provision.json").read_text())
    assert (found["made"], found["refused"]) == (3, [])
    assert "covers p36 with 95% confidence (n = 3)" in " ".join(said.out.split())
    assert (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("fleet", "sentences"),
    [
        ("l4=1", ("no cold lane within 0 s", "default-l4-")),
        ("l4=0..1,a100-40gb=1", ("l4-1: Qwen/Qwen3-4B / l4 is no evidence", "it refused nothing as cold")),
    ],
    ids=["warm", "stranger"],
)
def test_a_lane_that_is_not_cold_is_refused(
    sim: Sim, tmp_path: Path, fleet: str, sentences: tuple[str, ...]
) -> None:
    """Where a worker is there, and where a 0.4 gateway lets another profile answer: exit code 4."""
    words = ("--wait-cold", "0", "--set", "duration_s=2", "--target", sim("--fleet", fleet), "--out", "mine")
    said = bench(*COLD, *words, cwd=tmp_path)
    assert said.code == 4, said.out + said.err
    text = " ".join(said.out.split())
    assert all(sentence in text for sentence in sentences), text
    assert "make it cold and go on with --resume mine" in text
    assert not any(job.done for job in read(tmp_path / "mine").runs)


@pytest.mark.parametrize(
    ("scenario", "words", "sentence"),
    [
        ("chat-closed-loop", ("--set", "target.kind=openai"), "target.kind openai tells of no workers"),
        ("chat-closed-loop", (), "is a closed loop, whose users say nothing while they wait"),
        ("cold-start", ("--before-start", "false"), "exited with 1 before l4-1"),
        ("cold-start", ("--target", "http://127.0.0.1:9"), "nothing answers at"),
    ],
)
def test_what_cannot_be_started_is_told(
    scenario: str, words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    """One sentence and exit code 2."""
    said = bench("provision", SCENARIOS / f"{scenario}.yaml", "--profile", "l4", *words, cwd=tmp_path)
    assert said.code == 2, said.out + said.err
    assert sentence in said.err

"""`bench profiles` as a user types it, on a capacity that was searched in virtual time."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.analyze.capacity_folders import change_runs, write_capacity
from tests.commands.cli import Said, bench, interrupted, one_line

QUICK = ("--requests", "220", "--no-report")


@pytest.fixture
def capacity(tmp_path: Path) -> Path:
    """A folder with the capacity of two profiles."""
    return write_capacity(tmp_path / "capacity")


def compared(folder: Path, *words: str, limit_s: float = 200) -> Said:
    """A comparison in `mine` beside the capacity."""
    return bench("profiles", folder, *QUICK, "--out", "mine", *words, cwd=folder.parent, limit_s=limit_s)


def test_every_comparison_is_told_and_left_on_disk(capacity: Path) -> None:
    """Tables in 100 columns, a sentence each, profiles.json; loudly simulated."""
    (capacity.parent / "prices.yaml").write_text("profiles: {l4: 0.80, a100-40gb: 3.70}")
    said = compared(capacity, "--prices", "prices.yaml", "--budget", "10")
    assert said.code == 0, said.err
    told = one_line(said.out)
    assert "SIMULATED, VIRTUAL TIME: no GPU was measured" in told
    assert "l4 is cheaper: a million output tokens" in told
    assert "a replica of a100-40gb sustains" in told.lower()
    assert "10 USD/h buys 12 l4" in told
    assert "output_tokens_rate not separable" in told
    assert "no point is called dominated; that takes 10" in told
    assert "the ranking turns where a100-40gb costs" in told
    assert max(map(len, said.out[said.out.index("SIMULATED") :].splitlines())) <= 100
    _says_what_the_runs_hold(json.loads((capacity.parent / "mine/profiles.json").read_text()))


def _says_what_the_runs_hold(report: dict[str, Any]) -> None:
    l4, a100 = report["sustained"]
    assert (report["runs"], report["seeds"], report["unit"]) == (15, 5, "output tokens")
    assert 180 < report["requests"] < 260
    assert l4["per_million"] == pytest.approx(0.80e6 / 3600 / l4["confirmed_per_s"] / 16, rel=0.02)
    ratio = {one["name"]: one for one in report["compared"][1]["ratios"]}
    assert report["compared"][1]["condition"] == "rate"
    assert ratio["e2e.p50"]["low"] < ratio["e2e.p50"]["ratio"] < ratio["e2e.p50"]["high"] < 1
    assert ratio["e2e.p50"]["verdict"] == "better"
    (other,) = report["equal_slo"]
    turn = other["rate"]["ratio"] * 0.80
    assert other["break_even_per_hour"] == pytest.approx(turn)
    assert other["rate"]["ratio"] == pytest.approx(a100["confirmed_per_s"] / l4["confirmed_per_s"])
    assert [one["scale"] for one in report["limits"]] == [0.5, 1.0, 2.0]
    assert len(report["pareto"]) == 3


@pytest.mark.timeout(300)
def test_a_comparison_that_was_killed_ends_as_one_that_was_not(capacity: Path) -> None:
    """The same bytes; no finished run is made again, and more runs may be asked for later."""
    assert compared(capacity).code == 0
    whole = (capacity.parent / "mine/profiles.json").read_bytes()
    (capacity.parent / "mine").rename(capacity.parent / "whole")
    mine, words = capacity.parent / "mine", ("profiles", capacity, *QUICK)
    interrupted(*words, "--out", "mine", cwd=capacity.parent, by=signal.SIGKILL,
                when=lambda _: len(list(mine.glob("*/summary.json"))) >= 4)  # fmt: skip
    before = {run: run.stat().st_mtime_ns for run in mine.glob("*/summary.json")}
    assert bench(*words, "--resume", "mine", cwd=capacity.parent).code == 0
    assert (mine / "profiles.json").read_bytes() == whole
    done = [run for run in before if run.exists() and run.stat().st_mtime_ns == before[run]]
    assert len(done) >= len(before) - 1
    more = bench(*words, "--resume", "mine", "--runs", "6", cwd=capacity.parent)
    assert more.code == 0, more.err
    assert json.loads((mine / "profiles.json").read_text())["seeds"] == 6
    other = bench(*words, "--resume", "mine", "--seed", "2", cwd=capacity.parent)
    assert (other.code, "was planned with other options" in other.err) == (2, True)


def test_over_sockets_an_interrupt_keeps_what_is_whole(capacity: Path) -> None:
    """What was searched over sockets is compared over sockets; Ctrl-C leaves runs and a way to go on."""
    change_runs(capacity, virtual=False)
    said = interrupted("profiles", capacity, "--requests", "40", "--out", "mine", cwd=capacity.parent,
                       when=lambda _: any((capacity.parent / "mine").glob("*/summary.json")))  # fmt: skip
    assert said.code == 130, said.err
    assert "go on with the same options and --resume mine" in one_line(said.out)
    jobs = json.loads((capacity.parent / "mine/experiment.json").read_text())["runs"]
    assert 1 <= sum(job["done"] for job in jobs) < len(jobs)
    other = bench("profiles", capacity, "--requests", "40", "--resume", "mine", "--target",
                  "http://127.0.0.1:9", cwd=capacity.parent)  # fmt: skip
    assert (other.code, "was begun with another target" in other.err) == (2, True)
    target = json.loads(next((capacity.parent / "mine").glob("l4-*/run.json")).read_text())["target"]
    assert (target["simulated"], target["virtual"]) == (True, False)


def test_a_target_of_another_kind_is_found_out_at_the_first_run(capacity: Path) -> None:
    """What was searched on GPUs, as its runs say, is not compared on a simulated gateway."""
    change_runs(capacity, simulated=False, virtual=False)
    said = compared(capacity, "--requests", "20")
    assert said.code == 2, said.out
    assert "was simulated, and the capacity was measured on real GPUs" in said.err
    assert len(list((capacity.parent / "mine").glob("*/summary.json"))) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--target", "http://127.0.0.1:9"), "was searched in virtual time"),
        (("--resume", "nowhere"), "nowhere is no experiment"),
        (("--prices", "euros.yaml"), "a100-40gb: no price: give one with --prices FILE"),
        (("--profile", "l4"), "a comparison needs two profiles, and there is l4"),
    ],
)
def test_what_cannot_be_compared_is_said(words: tuple[str, ...], expected: str, capacity: Path) -> None:
    """Exit code 2 and one sentence before anything is run, and no folder."""
    (capacity.parent / "euros.yaml").write_text("currency: EUR\nprofiles: {l4: 0.80}")
    said = bench("profiles", capacity, *words, cwd=capacity.parent)
    assert said.code == 2, said.out
    assert expected in said.err
    assert not (capacity.parent / "results").exists()

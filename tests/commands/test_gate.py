"""`bench gate` and `bench compare` on folders: exit codes, files, sentences."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from bench.analyze.gate import ARMS, Policy
from bench.record import TargetSaid, replace
from tests.analyze.pair_folders import POLICY, write_experiment
from tests.commands.cli import Said, bench, one_line

REAL = TargetSaid(kind="sie", url="http://127.0.0.1:2", version="0.4.1")
VIRTUAL = REAL.model_copy(update={"simulated": True, "virtual": True})


def judge(*words: str, cwd: Path) -> Said:
    """`bench gate` without its page, which takes some seconds."""
    return bench("gate", *words, "--no-report", cwd=cwd)


def junit(tmp_path: Path) -> ElementTree.Element:
    """The suite that was left for CI."""
    return ElementTree.parse(tmp_path / "ab" / "junit.xml").getroot()  # noqa: S314 - we wrote it


def test_equal_builds_pass_and_leave_files_for_ci(tmp_path: Path) -> None:
    """Exit code 0; the verdict in JSON, JUnit, Markdown and as a page; nothing wider than the terminal."""
    write_experiment(tmp_path / "ab")
    said = bench("gate", "ab", cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert "PASS: the candidate is not worse" in (tmp_path / "ab" / "report.html").read_text()
    assert said.out.startswith("PASS: 2 gating metrics pass")
    assert all(len(line) <= 100 for line in said.out.splitlines())
    found = json.loads((tmp_path / "ab" / "gate.json").read_text())
    assert (found["format_version"], found["verdict"], found["exit_code"]) == (1, "PASS", 0)
    assert found["look"]["pairs"] == [1, 2, 3]
    suite = junit(tmp_path)
    assert suite.get("failures") == suite.get("errors") == "0"
    assert {case.get("name") for case in suite} == {"verdict", "ttft.p50", "tpot.p50", "ttft.p99",
                                                    "error_rate <= 0.01"}  # fmt: skip
    assert (tmp_path / "ab" / "summary.md").read_text().startswith("## Gate: PASS")
    assert found["simulated"] == "simulated"
    for text in (said.out, (tmp_path / "ab" / "summary.md").read_text()):
        assert "SIMULATED: no GPU was measured" in text


def test_a_slower_build_fails_by_name(tmp_path: Path) -> None:
    """Exit code 1; the sentence names tpot with its numbers; JUnit has the failure."""
    write_experiment(tmp_path / "ab", slower_tpot=0.12)
    said = judge("ab", cwd=tmp_path)
    assert said.code == 1
    assert said.out.startswith("FAIL: tpot.p50 +1")
    suite = junit(tmp_path)
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["verdict", "tpot.p50"]
    assert "| tpot.p50 | FAIL |" in (tmp_path / "ab" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"made": 2}, "2 complete pairs are too few: the first look is at 3"),
        ({"schedule": {"hash": "other"}}, "pair 1 compares different workloads"),
        ({"host": {"node": "there"}}, "the load came from different machines: here, there"),
        ({"target": REAL}, "the targets are of different kinds: real and simulated"),
        ({"target": VIRTUAL}, "of different kinds: simulated and simulated, virtual time"),
        ({"state": "interrupted"}, "the run is interrupted, not complete"),
        ({"out_tokens": 3}, "the candidate's answers are 25.0% shorter (limit 2%)"),
        ({"made": 0}, "there is no run: nothing was measured"),
        ({"policy": POLICY.model_copy(update={"min_window_s": 60.0})}, "below min_window_s 60"),
    ],
)
def test_what_cannot_be_judged_is_invalid(facts: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    """Exit code 4 with the reason; JUnit counts an error, never a pass."""
    write_experiment(tmp_path / "ab", **facts)
    said = judge("ab", cwd=tmp_path)
    assert said.code == 4, said.out
    assert sentence in one_line(said.out)
    assert junit(tmp_path).get("errors") != "0"


def gone(folder: Path) -> None:
    """The first pair, which nobody liked, is taken away."""
    for arm in ARMS:
        shutil.rmtree(folder / f"pair-1-{arm}")


def twins(folder: Path) -> None:
    """The runs of the first pair stand for the second as well, under the settings of the second."""
    for arm in ARMS:
        info = json.loads((folder / f"pair-1-{arm}" / "run.json").read_text())
        planned = json.loads((folder / f"pair-2-{arm}" / "run.json").read_text())
        replace(folder / f"pair-2-{arm}" / "run.json", json.dumps(planned | {"run_id": info["run_id"]}))


def exchanged(folder: Path) -> None:
    """The folders of the two arms of a pair are taken for each other."""
    first, second = (folder / f"pair-2-{arm}" for arm in ARMS)
    first.rename(folder / "aside")
    second.rename(first)
    (folder / "aside").rename(second)


def relabelled(folder: Path) -> None:
    """Whatever was a baseline run is called candidate, and the reverse; the runs tell only by their names."""
    told = json.loads((folder / "experiment.json").read_text())
    runs = [run | {"arm": ARMS[run["arm"] == "baseline"]} for run in told["runs"]]
    replace(folder / "experiment.json", json.dumps(told | {"runs": runs}))
    for file in folder.glob("pair-*/run.json"):
        replace(file, json.dumps(json.loads(file.read_text()) | {"labels": {}}))


def moved(folder: Path) -> None:
    """The folders of a pair are exchanged, and no overrides tell its runs apart, as with one URL for both."""
    for file in folder.glob("pair-*/run.json"):
        replace(file, json.dumps(json.loads(file.read_text()) | {"overrides": []}))
    exchanged(folder)


def crossed(folder: Path) -> None:
    """In one pair each arm was aimed at the other's URL, by its own account and by experiment.json's."""
    for file in (folder / "experiment.json", *folder.glob("pair-2-*/run.json")):
        told = json.loads(file.read_text())
        for run in told.get("runs", [told]):
            if run.get("pair", 2) == 2:
                run["overrides"] = [text.translate(OTHER_URL) for text in run["overrides"]]
        replace(file, json.dumps(told))


OTHER_URL = str.maketrans({"1": "2", "2": "1"})


def fewer(folder: Path, keep: int = 200) -> None:
    """Candidates lack their last requests, which waited longest."""
    for file in folder.glob("pair-*-candidate/requests.parquet"):
        pq.write_table(pq.read_table(file).slice(0, keep), file)


def nothing(folder: Path) -> None:
    """Not one request is left in the candidates."""
    fewer(folder, 0)


def dropped(folder: Path) -> None:
    """The first pair is struck from the list."""
    told = json.loads((folder / "experiment.json").read_text())
    runs = [run for run in told["runs"] if run["pair"] != 1]
    replace(folder / "experiment.json", json.dumps(told | {"runs": runs}))


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (gone, 2, "pair-1-baseline was made and is gone: put it back, or make a new experiment"),
        (exchanged, 2, "holds another run than the one that was planned there"),
        (relabelled, 4, "pair-1-baseline is no candidate run, as experiment.json has it: its folder's name"),
        (moved, 4, "pair-2-baseline is no baseline run, as experiment.json has it: its run.json"),
        (crossed, 4, "the runs of the baseline were aimed at different things"),
        (dropped, 4, "pair 1 has no baseline run"),
        (twins, 4, "are the same run, which counts once"),
        (fewer, 4, "the books do not balance: 200 requests are not those of the schedule, each once"),
        (nothing, 4, "the books do not balance: 0 requests"),
    ],
)
def test_a_choice_of_runs_is_no_experiment(
    change: Callable[[Path], None], code: int, sentence: str, tmp_path: Path
) -> None:
    """Runs that are gone, counted twice, exchanged or lack requests: a sentence, and no verdict."""
    write_experiment(tmp_path / "ab", made=4)
    change(tmp_path / "ab")
    said = judge("ab", cwd=tmp_path)
    assert said.code == code, said.out + said.err
    assert sentence in one_line(said.out + said.err)


def test_an_undecided_gate_exits_with_3_unless_told_otherwise(tmp_path: Path) -> None:
    """A margin within the noise: 3, or what --inconclusive says, which gate.json records."""
    tight = [one.model_copy(update={"margin": 0.0005}) for one in POLICY.metrics]
    write_experiment(tmp_path / "ab", policy=POLICY.model_copy(update={"metrics": tuple(tight)}))
    assert judge("ab", cwd=tmp_path).code == 3
    assert judge("ab", "--inconclusive", "fail", cwd=tmp_path).code == 1
    said = judge("ab", "--inconclusive", "pass", cwd=tmp_path)
    assert said.code == 0
    assert "go on to the next look, at 5 valid pairs" in one_line(said.out)
    found = json.loads((tmp_path / "ab" / "gate.json").read_text())
    assert (found["verdict"], found["policy"]["inconclusive"]) == ("INCONCLUSIVE", "pass")


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("looks: [3, 5]\nmetrics: [{metric: ttft.p59, margin: 0.1}]", "unknown metric 'ttft.p59'"),
        (
            "looks: [3, 5]\nmetrics: [{metric: ttft.p50, margin: 0.1, traffic_class: chatt}]",
            "no run has the traffic class chatt; there are: chat",
        ),
        ("looks: [4]", "but [3, 5] at 0.05 were declared before the first run"),
    ],
)
def test_a_policy_that_cannot_be_used_is_bad_usage(policy: str, sentence: str, tmp_path: Path) -> None:
    """Exit code 2 and a sentence; no verdict is written."""
    write_experiment(tmp_path / "ab")
    (tmp_path / "policy.yaml").write_text(policy)
    said = judge("ab", "--policy", "policy.yaml", cwd=tmp_path)
    assert said.code == 2, said.out
    assert sentence in said.err
    assert not (tmp_path / "ab" / "gate.json").exists()


def test_a_folder_without_pairs_is_bad_usage(tmp_path: Path) -> None:
    """Neither an empty folder nor a sweep can be judged."""
    (tmp_path / "empty").mkdir()
    assert "`bench ab` makes one" in judge("empty", cwd=tmp_path).err
    (tmp_path / "sweep").mkdir()
    replace(tmp_path / "sweep" / "experiment.json", json.dumps({"kind": "rates", "runs": []}))
    said = judge("sweep", cwd=tmp_path)
    assert said.code == 2
    assert "is an experiment of kind rates" in said.err


def test_the_declared_policy_is_the_one_that_is_used(tmp_path: Path) -> None:
    """It lies in experiment.json, whole."""
    experiment = write_experiment(tmp_path / "ab")
    assert experiment.policy == POLICY
    judge("ab", cwd=tmp_path)
    found = json.loads((tmp_path / "ab" / "gate.json").read_text())
    assert Policy.model_validate(found["policy"]) == POLICY


def test_two_runs_are_set_side_by_side_without_a_verdict(tmp_path: Path) -> None:
    """Values and ratio; intervals only where the load relative to capacity is known."""
    write_experiment(tmp_path / "ab", slower_tpot=0.5, made=1)
    runs = ("ab/pair-1-baseline", "ab/pair-1-candidate")
    said = bench("compare", *runs, cwd=tmp_path)
    assert said.code == 0, said.err
    assert all(len(line) <= 100 for line in said.out.splitlines())
    tpot = next(line for line in said.out.splitlines() if line.startswith("TPOT p50"))
    assert tpot.split()[2] == "19.9" or float(tpot.split()[2]) == pytest.approx(20, rel=0.02)
    assert float(tpot.split()[-1]) == pytest.approx(1.5, rel=0.02)
    assert "interval withheld: load relative to capacity unknown" in said.out
    assert "no verdict" in said.out
    known = bench("compare", *runs, "--confirmed-rate", "12", cwd=tmp_path)
    ttft = next(line for line in known.out.splitlines() if line.startswith("TTFT p50"))
    low, high = float(ttft.split()[3]), float(ttft.split()[5])
    assert low < float(ttft.split()[2]) < high


def test_runs_that_are_hard_to_compare_say_why(tmp_path: Path) -> None:
    """Other requests, another machine."""
    write_experiment(tmp_path / "ab", made=1, schedule={"hash": "other"}, host={"node": "there"})
    said = bench("compare", "ab/pair-1-baseline", "ab/pair-1-candidate", cwd=tmp_path)
    assert "doubt: the two runs sent different requests" in said.out
    assert "doubt: the load came from different machines" in said.out


def test_what_was_simulated_is_said_of_each_side(tmp_path: Path) -> None:
    """The baseline over the wire, the candidate in virtual time and stopped: each told, and doubted."""
    write_experiment(tmp_path / "ab", made=1, target=VIRTUAL, state="interrupted")
    said = one_line(bench("compare", "ab/pair-1-baseline", "ab/pair-1-candidate", cwd=tmp_path).out)
    assert "first: SIMULATED gateway (fleet l4=2,a100-40gb=1, seed 1), no GPU was measured" in said
    assert "second: SIMULATED, VIRTUAL TIME (no details told), no GPU was measured" in said
    assert "doubt: the targets are of different kinds: simulated and simulated, virtual time" in said
    assert "doubt: pair-1-candidate is interrupted, not complete" in said


def test_arms_of_an_experiment_are_compared_over_their_runs(tmp_path: Path) -> None:
    """Five runs a side are pooled, with an interval over runs; three have none, and it is said why."""
    write_experiment(tmp_path / "ab", slower_tpot=0.5, made=5)
    said = bench("compare", "ab", "--confirmed-rate", "12", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "pair-1-baseline and 4 more" in said.out
    tpot = next(line for line in said.out.splitlines() if line.startswith("TPOT p50"))
    low, high = float(tpot.split()[3]), float(tpot.split()[5])
    assert low <= 20 <= high
    assert float(tpot.split()[-1]) == pytest.approx(1.5, rel=0.02)
    write_experiment(tmp_path / "three", made=3)
    few = one_line(bench("compare", "three", "--confirmed-rate", "12", cwd=tmp_path).out)
    assert "interval withheld: 3 runs; an interval over runs needs 5" in few

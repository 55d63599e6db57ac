"""Runs of the past: where each belongs, and which of a folder's runs count."""

from pathlib import Path

import pytest

from bench.analyze import AnalysisError, load
from bench.analyze.gate import arms_in, row_of
from bench.analyze.history import runs_in, setting_of
from bench.experiment import pairs
from bench.record import TargetSaid, replace
from tests.analyze.pair_folders import POLICY, write_experiment
from tests.analyze.runs import MS, S, streamed, write_run

REAL = TargetSaid(kind="sie", url="http://host:1", live_workers={"l4": 2})
WIRED = REAL.model_copy(update={"simulated": True})
VIRTUAL = WIRED.model_copy(update={"virtual": True})


def machine(path: Path, target: TargetSaid) -> str:
    """The machine of a short run on this target."""
    rows = [streamed(i, 20 * S + i, [100 * MS, 109 * MS], 2) for i in range(20)]
    run = load(write_run(path, rows, target=target, host={"node": "here"}))
    return setting_of(run, row_of(run, 1, "candidate", 0)).machine


def test_real_simulated_and_virtual_runs_have_histories_of_their_own(tmp_path: Path) -> None:
    """The same fleet from the same host, thrice: a model's time is no machine's."""
    found = [machine(tmp_path / str(i), target) for i, target in enumerate((REAL, WIRED, VIRTUAL))]
    assert found == [
        "l4, load from here",
        "l4 (simulated), load from here",
        "l4 (simulated, virtual time), load from here",
    ]


def test_of_an_experiment_those_runs_count_that_are_done(tmp_path: Path) -> None:
    """Neither the one that was stopped, nor what was set aside when it was made again."""
    planned = pairs(POLICY, (), (), seed=1)
    done = tuple(job.model_copy(update={"done": i < 3}) for i, job in enumerate(planned.runs))
    names = [job.folder for job in done[:4]]
    for name in (*names, f"{names[0]}-stopped-1"):
        write_run(tmp_path / "aa" / name, [])
    replace(tmp_path / "aa" / "experiment.json", planned.model_copy(update={"runs": done}).model_dump_json())
    assert [run.path.name for run in runs_in([tmp_path / "aa"])] == names[:3]


def test_runs_of_two_builds_are_not_one_set(tmp_path: Path) -> None:
    """What `bench ab` made is neither a baseline nor a side; the runs of one arm are, by name."""
    write_experiment(tmp_path / "ab", made=1)
    with pytest.raises(AnalysisError, match=r"holds runs of two builds.*pair-\*-candidate"):
        runs_in([tmp_path / "ab"])
    assert len(runs_in([tmp_path / "ab" / "pair-1-candidate"])) == 1


def test_an_arm_has_the_runs_that_are_done(tmp_path: Path) -> None:
    """One that was stopped half way has requests too."""
    made = write_experiment(tmp_path / "ab", made=2)
    runs = tuple(job.model_copy(update={"done": i < 3}) for i, job in enumerate(made.runs))
    replace(tmp_path / "ab" / "experiment.json", made.model_copy(update={"runs": runs}).model_dump_json())
    assert sorted(map(len, arms_in(tmp_path / "ab"))) == [1, 2]

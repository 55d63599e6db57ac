import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bench.experiment import Experiment, ExperimentError, Job, rates, read, run_all


class CrashError(Exception):
    """The machine went down."""


def test_rates_run_slowest_first_and_each_once() -> None:
    """Each in a folder of its own, with the override that makes the difference."""
    experiment = rates([16, 2, 4, 2.5, 4])
    assert [job.folder for job in experiment.runs] == ["rate-2", "rate-2.5", "rate-4", "rate-16"]
    assert experiment.runs[1].overrides == ("arrivals.rate_per_s=2.5",)


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=6))
def test_no_rate_becomes_another_by_being_written_down(asked: list[float]) -> None:
    """Folders differ, and the override's YAML is the very rate that was asked for."""
    experiment = rates(asked)
    assert len({job.folder for job in experiment.runs}) == len(set(asked))
    said = [job.overrides[0].removeprefix("arrivals.rate_per_s=") for job in experiment.runs]
    assert [YAML(typ="safe", pure=True).load(text) for text in said] == sorted(set(asked))


def test_all_runs_are_done_in_order_and_noted_on_disk(tmp_path: Path) -> None:
    """Each is noted as soon as it is done, before the next one begins."""
    seen: list[tuple[str, list[bool]]] = []

    def run(job: Job, path: Path) -> bool:
        assert path == tmp_path / "sweep" / job.folder
        seen.append((job.folder, [one.done for one in read(tmp_path / "sweep").runs]))
        return True

    finished = run_all(tmp_path / "sweep", rates([4, 2]), run)
    assert seen == [("rate-2", [False, False]), ("rate-4", [True, False])]
    assert finished.next() is None
    assert read(tmp_path / "sweep") == finished


def test_after_a_crash_only_what_is_missing_is_run(tmp_path: Path) -> None:
    """The run that crashed is made again, those before it are not."""
    ran: list[str] = []

    def run(job: Job, _path: Path) -> bool:
        ran.append(job.folder)
        if len(ran) == 2:
            raise CrashError
        return True

    with pytest.raises(CrashError):
        run_all(tmp_path, rates([1, 2, 3]), run)
    resumed = run_all(tmp_path, read(tmp_path), run)
    assert ran == ["rate-1", "rate-2", "rate-2", "rate-3"]
    assert all(job.done for job in resumed.runs)


def test_a_run_that_says_stop_is_not_done(tmp_path: Path) -> None:
    """It comes first when the experiment goes on."""
    stopped = run_all(tmp_path, rates([1, 2]), lambda job, _path: job.folder != "rate-1")
    following = stopped.next()
    assert following is not None
    assert following.folder == "rate-1"
    assert read(tmp_path) == stopped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is no experiment: it has no experiment.json"),
        (b"{", "cannot be read"),
        (b"\xff", "is not UTF-8 text"),
        (b'{"kind": "rates", "runs": [], "format_version": 2}', "cannot be read"),
        (b'{"kind": "nonsense", "runs": []}', "cannot be read"),
    ],
)
def test_an_experiment_that_cannot_be_read_says_why(tmp_path: Path, text: bytes | None, words: str) -> None:
    """Missing, torn, newer: one sentence."""
    if text is not None:
        (tmp_path / "experiment.json").write_bytes(text)
    with pytest.raises(ExperimentError) as caught:
        read(tmp_path)
    assert words in str(caught.value)


def test_experiment_json_is_whole_and_says_its_format(tmp_path: Path) -> None:
    """No draft is left beside it."""
    run_all(tmp_path, Experiment(kind="rates", runs=()), lambda _job, _path: True)
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.json"]
    assert json.loads((tmp_path / "experiment.json").read_text())["format_version"] == 1

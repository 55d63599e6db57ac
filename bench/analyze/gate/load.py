"""An experiment's folder -> the rows of its runs, with the policy that was declared before the first one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.analyze.gate.policy import Policy
from bench.analyze.gate.table import ARMS, Arm, RunRow, row_of
from bench.analyze.run import AnalysisError, load
from bench.record import RunFolder


def declared(folder: Path) -> Policy:
    """The policy that the experiment was planned with. Raises AnalysisError for no experiment of pairs."""
    try:
        return Policy.model_validate(_experiment(folder)["policy"])
    except (KeyError, ValueError) as error:
        raise AnalysisError(
            f"{folder / 'experiment.json'} holds no policy that can be read: {error}"
        ) from None


def load_rows(folder: Path, policy: Policy) -> list[RunRow]:
    """A row for each run that was made, in the order in which they were planned.

    Raises AnalysisError where the folder is no experiment of pairs, or a run in it is damaged.
    """
    return [row_of(load(one.folder), one.pair, one.arm, one.place, policy.slo) for one in made(folder)]


@dataclass(frozen=True, slots=True)
class Made:
    """A run that was made: its folder, its pair and arm, and its place in the order of all runs."""

    folder: RunFolder
    pair: int
    arm: Arm
    place: int


def made(folder: Path) -> list[Made]:
    """The runs of an experiment that have begun, in their planned order. Raises AnalysisError."""
    planned = [
        Made(RunFolder(folder / job["folder"]), job["pair"], job["arm"], place)
        for place, job in enumerate(_experiment(folder)["runs"])
    ]
    return [one for one in planned if (one.folder.path / "run.json").exists()]


def arms_in(folder: Path) -> tuple[list[RunFolder], list[RunFolder]]:
    """The finished runs of the baseline and of the candidate. Raises AnalysisError where an arm has none."""
    jobs = [(job["arm"], RunFolder(folder / job["folder"])) for job in _experiment(folder)["runs"]]
    first, second = (
        [run for arm, run in jobs if arm == wanted and run.requests_file.exists()] for wanted in ARMS
    )
    if not first or not second:
        raise AnalysisError(f"{folder} lacks the runs of an arm: go on with `bench ab --resume {folder}`")
    return first, second


def _experiment(folder: Path) -> dict[str, Any]:
    file = folder / "experiment.json"
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        kind = facts["kind"]
        runs = [(run["folder"], run["pair"], run["arm"]) for run in facts["runs"]] if kind == "ab" else None
    except FileNotFoundError:
        raise AnalysisError(
            f"{folder} is no experiment: it has no experiment.json; make one with `bench ab`"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise AnalysisError(f"{file} is not readable as an experiment of pairs: {error!r}") from None
    if runs is None:
        raise AnalysisError(f"{file} is an experiment of kind {kind}; a gate needs the pairs of `bench ab`")
    found: dict[str, Any] = facts
    return found

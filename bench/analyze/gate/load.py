"""An experiment's folder -> the rows of its runs, with the policy that was declared before the first one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.analyze.experiment import FILE, listed
from bench.analyze.gate.policy import Policy
from bench.analyze.gate.table import ARMS, Arm, RunRow, row_of
from bench.analyze.run import AnalysisError, Run, load
from bench.record import RunFolder

ARM_LABEL = "arm"
"""Under this label a run that was made for an arm says so in its own run.json."""

_NAMED = re.compile(rf"pair-\d+-({'|'.join(ARMS)})")


def declared(folder: Path) -> Policy:
    """The policy that the experiment was planned with. Raises AnalysisError for no experiment of pairs."""
    try:
        return Policy.model_validate(listed(folder, "ab").policy)
    except ValueError as error:
        raise AnalysisError(f"{folder / FILE} holds no policy that can be read: {error}") from None


def load_rows(folder: Path, policy: Policy) -> list[RunRow]:
    """A row for each run that was made, in the order in which they were planned.

    Raises AnalysisError where the folder is no experiment of pairs, or a run in it is damaged.
    """
    return [_row(one, policy) for one in made(folder)]


def _row(made: "Made", policy: Policy) -> RunRow:
    run = _planned(load(made.folder), made)
    row = row_of(run, made.pair, made.arm, made.place, policy.slo)
    aim = " ".join(one for one in made.overrides if not one.startswith("seeds."))
    return replace(row, aim=aim, says=tuple(_says(run)))


def _says(run: Run) -> Iterator[tuple[str, Arm]]:
    """Which arm the folder itself names; one that was made before runs were labelled has its name alone."""
    named = _NAMED.fullmatch(run.folder.path.name)
    told = {"its run.json": run.info.labels.get(ARM_LABEL), "its folder's name": named and named[1]}
    for where, said in told.items():
        yield from ((where, arm) for arm in ARMS if arm == said)


def _planned(run: Run, made: "Made") -> Run:
    """The run, if it is the one that was planned for its folder."""
    told = run.info.overrides
    if told and tuple(told[-len(made.overrides) :]) != made.overrides:
        raise AnalysisError(
            f"{made.folder.path} holds another run than the one that was planned there: it was made with "
            f"{' '.join(told)}, and not with {' '.join(made.overrides)}; put the folders back in their places"
        )
    return run


@dataclass(frozen=True, slots=True)
class Made:
    """A run that was made: its folder, its pair and arm, and its place in the order of all runs."""

    folder: RunFolder
    pair: int
    arm: Arm
    place: int
    overrides: tuple[str, ...]


def made(folder: Path) -> list[Made]:
    """The runs of an experiment that have begun, in their planned order.

    Raises AnalysisError, also where a run was done and is gone: what is left may have been chosen.
    """
    found = []
    for place, job in enumerate(listed(folder, "ab").runs):
        run = RunFolder(folder / job.folder)
        there = (run.path / "run.json").exists()
        if job.done and not there:
            raise AnalysisError(f"{run.path} was made and is gone: put it back, or make a new experiment")
        if there and job.pair is not None and job.arm is not None:
            found.append(Made(run, job.pair, job.arm, place, job.overrides))
    return found


def arms_in(folder: Path) -> tuple[list[RunFolder], list[RunFolder]]:
    """The finished runs of the baseline and of the candidate. Raises AnalysisError where an arm has none."""
    jobs = listed(folder, "ab").runs
    first, second = (
        [RunFolder(folder / job.folder) for job in jobs if job.arm == wanted and job.done] for wanted in ARMS
    )
    if not first or not second:
        raise AnalysisError(f"{folder} lacks the runs of an arm: go on with `bench ab --resume {folder}`")
    return first, second

"""Making the runs of an experiment of pairs: deploy, replay, summarise; resumable."""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.analyze import load as load_run
from bench.analyze import summarise
from bench.analyze.gate import ARM_LABEL, Policy, RunRow, load_rows
from bench.commands import options
from bench.commands.replay import Request, new_folder, replay
from bench.experiment import Experiment, Job, read, run_all
from bench.record import held
from bench.report import write_summary
from bench.scenario import load

LEFT_BEHIND_S = 60.0
"""A drive whose parent is gone cancels everything, and has its log and schedule to join."""


def resumed(folder: Path, planned: Experiment) -> Experiment:
    """What is on disk, if it is the same plan. Raises UsageError otherwise."""
    stored = read(folder)
    fresh = tuple(job.model_copy(update={"done": False}) for job in stored.runs)
    if stored.model_copy(update={"runs": fresh}) != planned:
        raise options.UsageError(f"{folder} was planned with other options; give those it was begun with")
    return stored


def longer(folder: Path, planned: Experiment) -> Experiment:
    """What is on disk, and the runs that were asked for beyond it. Raises UsageError for another plan."""
    there = len(read(folder).runs)
    done = resumed(folder, planned.model_copy(update={"runs": planned.runs[:there]})).runs
    return planned.model_copy(update={"runs": (*done, *planned.runs[there:])})


def make(
    folder: Path,
    experiment: Experiment,
    request: Request,
    before_arm: str | None,
    enough: Callable[[Policy, Sequence[RunRow]], bool],
) -> int:
    """Make runs until, between two pairs, they are `enough`; returns 0, or 130 where it was interrupted.

    Raises UsageError where a label of the user's would hide the arm.
    """
    if ARM_LABEL in request.labels:
        raise options.UsageError(f"the label {ARM_LABEL} names the arm of each run here; choose another name")
    codes: list[int] = []

    def one(job: Job, path: Path) -> bool:
        run_before("--before-arm", before_arm, job, BENCH_ARM=str(job.arm))
        set_aside(path)
        changes = (*request.overrides, *job.overrides)
        labels = request.labels | {ARM_LABEL: str(job.arm)}
        mine = Request(load(request.source, changes), request.source, changes, labels)
        made = new_folder(mine.scenario, folder, path)
        codes.append(replay(mine, made, options.console))
        if codes[-1]:
            return False
        write_summary(made, summarise(load_run(made)))
        return True

    def decided(so_far: Experiment) -> bool:
        done = [job for job in so_far.runs if job.done]
        between = len(done) % 2 == 0
        policy = experiment.policy or Policy()
        return between and enough(policy, load_rows(folder, policy))

    run_all(folder, experiment, one, decided)
    return max(codes, default=0)


def run_before(option: str, command: str | None, job: Job, **told: str) -> None:
    """Deploy or flush; what fails there ends the experiment, which can be resumed. Raises UsageError."""
    if command is None:
        return
    words = shlex.split(command)
    try:
        code = subprocess.run(words, env=os.environ | told, check=False).returncode  # noqa: S603 - the user's own
    except OSError as error:
        raise options.UsageError(f"{option} {command}: {error.strerror}") from None
    if code:
        raise options.UsageError(
            f"{option} {command} exited with {code} before {job.folder}; mend it and --resume"
        )


def set_aside(path: Path) -> None:
    """A run that was stopped half way is kept under another name, and made again.

    A drive that was left behind by a kill closes its books first. Raises FolderError where it does not.
    """
    if not path.exists():
        return
    with held(path, LEFT_BEHIND_S):
        number = 1
        while (aside := path.with_name(f"{path.name}-stopped-{number}")).exists():
            number += 1
        path.rename(aside)

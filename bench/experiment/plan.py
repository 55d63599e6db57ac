"""Several runs that belong together: which there are, which is next, what is done; all of it on disk.

ExperimentError   an experiment folder that cannot be read or made
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.analyze.gate import Arm, Policy
from bench.record import replace

FILE = "experiment.json"


class ExperimentError(Exception):
    """An experiment that cannot go on; the message says why."""


class Job(BaseModel):
    """One run of an experiment: its folder's name inside the experiment's, and how its scenario differs.

    Of a sweep it has a rate, of an experiment of pairs the pair's number (from 1) and its arm, of cold starts
    the profile; of a comparison of profiles the rate of the pool, the number of its seeds, and the profile.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    overrides: tuple[str, ...]
    rate_per_s: float | None = None
    pair: int | None = None
    arm: Arm | None = None
    profile: str | None = None
    done: bool = False


class Experiment(BaseModel):
    """experiment.json. Of starts it has the workers of a lane before them, `from_workers`; 0 is from cold."""

    model_config = ConfigDict(frozen=True)

    format_version: Literal[1] = 1
    kind: Literal["rates", "ab", "provision", "profiles"]
    from_workers: int = 0
    runs: tuple[Job, ...]
    policy: Policy | None = None

    def next(self) -> Job | None:
        """The first run that is missing."""
        return next((job for job in self.runs if not job.done), None)

    def finished(self, job: Job) -> "Experiment":
        """The same experiment with that run done."""
        after = tuple(one.model_copy(update={"done": one.done or one == job}) for one in self.runs)
        return self.model_copy(update={"runs": after})


def rates(asked: list[float]) -> Experiment:
    """The same scenario at several arrival rates, slowest first."""
    jobs = [
        Job(folder=f"rate-{_say(rate)}", overrides=(f"arrivals.rate_per_s={_say(rate)}",), rate_per_s=rate)
        for rate in sorted(set(asked))
    ]
    return Experiment(kind="rates", runs=tuple(jobs))


def _say(rate: float) -> str:
    """As short as it goes without becoming another number."""
    short = f"{rate:g}"
    return short if float(short) == rate else repr(rate)


def read(folder: Path) -> Experiment:
    """The experiment in a folder. Raises ExperimentError."""
    try:
        return Experiment.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except OSError:
        raise ExperimentError(f"{folder} is no experiment: it has no {FILE}") from None
    except ValidationError as error:
        raise ExperimentError(f"{folder / FILE} cannot be read: {error.errors()[0]['msg']}") from None
    except UnicodeDecodeError:
        raise ExperimentError(f"{folder / FILE} is not UTF-8 text") from None


def run_all(
    folder: Path,
    experiment: Experiment,
    run: Callable[[Job, Path], bool],
    decided: Callable[[Experiment], bool] = lambda _: False,
) -> Experiment:
    """Do what is missing, one run after the other, and note each on disk as soon as it is done.

    `run` leaves a run folder at the path it is given, and returns whether to go on. Before each run `decided`
    is asked whether those that are done are enough.
    """
    _save(folder, experiment)
    while (job := experiment.next()) is not None and not decided(experiment):
        if not run(job, folder / job.folder):
            break
        experiment = experiment.finished(job)
        _save(folder, experiment)
    return experiment


def _save(folder: Path, experiment: Experiment) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / FILE, experiment.model_dump_json(indent=2) + "\n")

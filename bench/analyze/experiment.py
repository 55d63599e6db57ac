"""experiment.json -> the runs that it lists, as far as an analysis needs them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.analyze.run import AnalysisError

FILE = "experiment.json"


class ListedRun(BaseModel):
    """A run that was planned: its folder's name, how its scenario differs, and whether it is done.

    `rate_per_s` is that of the pool; of runs of profiles, those with one `pair` have the same seeds.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    overrides: tuple[str, ...] = ()
    rate_per_s: float | None = None
    pair: int | None = None
    profile: str | None = None
    arm: Literal["baseline", "candidate"] | None = None
    done: bool = False


class Listed(BaseModel):
    """An experiment; `bench capacity` lists its runs in another way, so of that `runs` is empty.

    `from_workers` is what lanes have before they start, of which only `bench provision` speaks.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    from_workers: int = 0
    runs: tuple[ListedRun, ...] = ()
    policy: Any = None

    @property
    def of_two_builds(self) -> bool:
        """Whether its runs were aimed at two builds; those of `bench aa` differ by their seeds alone."""
        changes = (one for run in self.runs for one in run.overrides)
        return self.kind == "ab" and any(not one.startswith("seeds.") for one in changes)


def listed(folder: Path, kind: str | None = None, command: str = "bench ab") -> Listed:
    """What a folder's experiment.json lists.

    Raises AnalysisError where it is missing or damaged, or not of the `kind` that this `command` makes.
    """
    file = folder / FILE
    try:
        found = Listed.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AnalysisError(f"{folder} is no experiment: it has no {FILE}; `{command}` makes one") from None
    except UnicodeDecodeError:
        raise AnalysisError(f"{file} is not readable as an experiment: it is not UTF-8 text") from None
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise AnalysisError(f"{file} is not readable as an experiment: {why}") from None
    if kind not in {None, found.kind}:
        raise AnalysisError(f"{file} is an experiment of kind {found.kind}; `{command}` makes what is needed")
    return found

"""A search on each of several profiles: what was asked, and every run so far, in experiment.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.experiment.pairs import DIMENSIONS
from bench.experiment.plan import FILE, ExperimentError
from bench.experiment.search import Found, Probe, Search, Tried
from bench.record import replace


class Made(Tried):
    """A run of a search: its folder, how many replicas served, and what was nearest to its limit.

    `simulated`, `virtual`: as the target told, whatever it was asked with.
    """

    folder: str
    simulated: bool
    virtual: bool
    workers: int
    what: str
    out_tokens: float | None = None


class CapacitySearch(BaseModel):
    """experiment.json of `bench capacity`. `asked` is what must not change when it goes on."""

    model_config = ConfigDict(frozen=True)

    format_version: Literal[1] = 1
    kind: Literal["capacity"] = "capacity"
    asked: dict[str, str]
    attainment: float
    first_seed: int
    made: dict[str, tuple[Made, ...]]

    def next(self, profile: str) -> Probe | Found:
        """The run that is missing on a profile, or what its search found. Raises ExperimentError."""
        return Search(self.attainment, self.first_seed).next(self.made[profile])

    def with_run(self, profile: str, run: Made) -> "CapacitySearch":
        """The same with one more run."""
        return self.model_copy(update={"made": {**self.made, profile: (*self.made[profile], run)}})

    def save(self, folder: Path) -> None:
        """Write experiment.json, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / FILE, self.model_dump_json(indent=2) + "\n")

    def resumed(self, folder: Path) -> "CapacitySearch":
        """What a folder holds, if it was asked the same. Raises ExperimentError."""
        try:
            stored = CapacitySearch.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise ExperimentError(f"{folder} is no experiment: it has no readable {FILE}") from None
        except ValidationError as error:
            raise ExperimentError(
                f"{folder / FILE} is not of `bench capacity`: {error.errors()[0]['msg']}"
            ) from None
        for name in {**self.asked, **stored.asked}:
            if self.asked.get(name) != stored.asked.get(name):
                raise ExperimentError(
                    f"{folder} was begun with {name} {stored.asked.get(name)}, not {self.asked.get(name)}"
                )
        if (self.attainment, self.first_seed, set(self.made)) != (
            stored.attainment,
            stored.first_seed,
            set(stored.made),
        ):
            raise ExperimentError(f"{folder} was begun with other options; give those it was begun with")
        return stored


def overrides_for(probe: Probe, burst: Mapping[str, str]) -> tuple[str, ...]:
    """How the scenario of a run differs: its seeds, and its rate; of a burst, a closed loop instead."""
    seeds = (*(f"seeds.{name}={probe.seed}" for name in DIMENSIONS), f"sim.seed={probe.seed}")
    if probe.rate_per_s is None:
        return (*seeds, "arrivals=null", *(f"{key}={value}" for key, value in burst.items()))
    return (*seeds, f"arrivals.rate_per_s={probe.rate_per_s!r}")

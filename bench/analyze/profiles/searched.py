"""What capacity searches left: of each profile the rates that a replica sustains, and the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.analyze.experiment import FILE, listed
from bench.analyze.plan import CAPACITY_FILE, Capacities, PlanError, load_capacities
from bench.analyze.run import AnalysisError
from bench.record import RunFolder
from bench.scenario import Scenario

LEAST_PROFILES = 2


class Tried(BaseModel):
    """A run of a search, as far as a comparison needs it; `rate_per_s` is that of the pool."""

    model_config = ConfigDict(frozen=True)

    stage: str
    rate_per_s: float
    attainment: float
    offered: int
    valid: bool
    folder: str
    simulated: bool
    virtual: bool
    workers: int


class _Search(BaseModel):
    attainment: float
    made: dict[str, tuple[Tried, ...]]


@dataclass(frozen=True, slots=True)
class Searched:
    """One profile of a search. Rates are requests/s of one replica, of which `replicas` served.

    `attainment`: the share of good requests that was searched at; `slo` says the same in words.
    """

    profile: str
    folder: Path
    attainment: float
    slo: str
    confirmed_per_s: float
    estimate_per_s: float | None
    refuted_per_s: float | None
    replicas: int
    runs: tuple[Tried, ...]

    @property
    def confirming(self) -> RunFolder:
        """The last run of the search: one of those that confirmed the rate."""
        return RunFolder(self.folder / self.runs[-1].folder)

    @property
    def virtual(self) -> bool:
        """Whether it was searched in virtual time."""
        return self.runs[-1].virtual

    @property
    def unreal(self) -> str:
        """What was measured in place of a GPU; empty where one was."""
        return _unreal(self.runs[-1])


def load_searches(folders: Sequence[Path], only: Sequence[str] = ()) -> dict[str, Searched]:
    """The confirmed profiles of one or more capacity experiments, `only` these where some are named.

    Raises AnalysisError where they cannot be compared: fewer than two, one that is not confirmed, other
    scenarios, or simulated beside real.
    """
    found: dict[str, Searched] = {}
    for folder in folders:
        for name, searched in _searched(folder, only).items():
            if name in found:
                raise AnalysisError(f"{name} was searched in {found[name].folder} and in {folder}: name one")
            found[name] = searched
    if unknown := [name for name in only if name not in found]:
        raise AnalysisError(f"--profile {unknown[0]}: there is {', '.join(found) or 'none'}")
    _comparable(found)
    return found


def _searched(folder: Path, only: Sequence[str]) -> dict[str, Searched]:
    search, capacities = _read(folder)
    wanted = {name: runs for name, runs in search.made.items() if not only or name in only}
    for name in wanted:
        if name not in capacities.profiles:
            raise AnalysisError(
                f"{name} is not confirmed in {folder}: go on with `bench capacity --resume {folder}`, or "
                "name the others with --profile"
            )
    return {name: _of(name, folder, search, capacities, runs) for name, runs in wanted.items()}


def _read(folder: Path) -> tuple[_Search, Capacities]:
    listed(folder, "capacity", "bench capacity")
    try:
        search = _Search.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except ValidationError as error:
        raise AnalysisError(f"{folder / FILE} cannot be read: {error.errors()[0]['msg']}") from None
    if not (folder / CAPACITY_FILE).exists():
        raise AnalysisError(
            f"{folder} has no {CAPACITY_FILE}: no profile is confirmed yet; go on with `bench capacity "
            f"--resume {folder}`"
        )
    try:
        return search, load_capacities(folder)
    except PlanError as error:
        raise AnalysisError(str(error)) from None


def _of(
    name: str, folder: Path, search: _Search, capacities: Capacities, runs: tuple[Tried, ...]
) -> Searched:
    capacity = capacities.profiles[name]
    counted = tuple(run for run in runs if run.valid)
    if capacity.rate_per_s is None or not any(run.stage == "confirm" for run in counted):
        raise AnalysisError(f"{folder / CAPACITY_FILE}: {name} has no rate that its runs confirm")
    if len({_unreal(run) for run in counted}) > 1:
        raise AnalysisError(f"{folder}: some runs of {name} were simulated and others not: search it again")
    return Searched(
        profile=name,
        folder=folder,
        attainment=search.attainment,
        slo=capacities.slo,
        confirmed_per_s=capacity.rate_per_s,
        estimate_per_s=capacity.estimate_per_s,
        refuted_per_s=capacity.refuted_per_s,
        replicas=max(run.workers for run in counted) or 1,
        runs=counted,
    )


def _unreal(run: Tried) -> str:
    if run.virtual:
        return "simulated, virtual time"
    return "simulated" if run.simulated else ""


def _comparable(found: Mapping[str, Searched]) -> None:
    """Raise AnalysisError where the profiles are too few, or were not searched alike."""
    if len(found) < LEAST_PROFILES:
        raise AnalysisError(
            f"a comparison needs two profiles, and there is {', '.join(found) or 'none'}: `bench capacity "
            "... --profile l4 --profile a100-40gb`, or name a second capacity folder"
        )
    first, *others = found.values()
    workload = workload_of(first)
    for other in others:
        if other.unreal != first.unreal:
            raise AnalysisError(
                f"{first.profile} was {first.unreal or 'measured on real GPUs'} and {other.profile} was "
                f"{other.unreal or 'measured on real GPUs'}: that is no comparison of profiles"
            )
        if workload_of(other) != workload:
            raise AnalysisError(
                f"{first.profile} and {other.profile} were searched with other scenarios ({first.folder}, "
                f"{other.folder}): search both with one"
            )


def workload_of(searched: Searched) -> dict[str, Any]:
    """What was asked, but for its seeds, its rate, the profile and whom it was asked of."""
    facts = scenario_of(searched).model_dump(mode="json")
    rest = {name: value for name, value in facts.items() if name not in {"seeds", "target", "sim"}}
    rest["arrivals"] = (facts["arrivals"] or {}).get("process")
    rest["classes"] = [{**one, "profiles": []} for one in facts["classes"]]
    return rest


def scenario_of(searched: Searched) -> Scenario:
    """The scenario of the run that confirmed. Raises AnalysisError, FolderError."""
    try:
        return Scenario.model_validate(searched.confirming.info().scenario, strict=False)
    except ValidationError as error:
        raise AnalysisError(
            f"{searched.confirming.path}: run.json holds a scenario of another version ({error})"
        ) from None

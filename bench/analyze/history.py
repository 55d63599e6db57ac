"""Runs of the past as points: what was sent, on which machine, by which build, and each number of the run."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.analyze.experiment import FILE, listed
from bench.analyze.gate.table import Absent, RunRow, row_of
from bench.analyze.run import AnalysisError, Run, load
from bench.analyze.window import Value
from bench.record import FolderError, RunFolder

BUILD = "build"


class Setting(Value):
    """What must be the same for two runs to have a common history.

    `workload`: a hash of the scenario, seeds and target aside. `machine`: the profiles behind the gateway,
    whether they are simulated and in virtual time, and the host that made the load.
    """

    scenario: str
    workload: str
    model: str
    machine: str


class PastRun(Value):
    """One run: when and of which build, its setting, and its numbers by name (`chat:ttft.p95`).

    In `values` is None what no request of the workload can have; what this run alone lacks is not there.
    `run_id`: that of run.json; None in a baseline that was stored before it was kept.
    """

    folder: str
    created: str
    build: str | None
    version: str
    setting: Setting
    window_s: float
    rate_per_s: float | None
    requests: int
    out_tokens: float | None
    tokens_source: str | None
    faults: tuple[str, ...]
    values: Mapping[str, float | None]
    run_id: str | None = None


class RunLeftOut(Value):
    """A run that is no part of a history. `created`: wall time; null where not even run.json can be read."""

    folder: str
    reasons: tuple[str, ...]
    created: str | None = None


def runs_in(places: Sequence[Path]) -> list[RunFolder]:
    """The run folders that were named, and those that lie in a folder that was; each once.

    Raises AnalysisError for a place that has none, and for what `bench ab` made.
    """
    found: dict[Path, RunFolder] = {}
    for place in places:
        inside = _inside(place)
        if not inside:
            raise AnalysisError(f"{place} is no run folder and holds none: make runs with `bench run`")
        found |= {path.resolve(): RunFolder(path) for path in inside}
    return list(found.values())


def _inside(place: Path) -> list[Path]:
    """Of an experiment what is done: a run that was stopped half way lies beside the one made again."""
    if (place / "run.json").exists():
        return [place]
    experiment = listed(place) if (place / FILE).exists() else None
    if experiment and experiment.of_two_builds:
        raise AnalysisError(
            f"{place} holds runs of two builds, which are not one set: name the runs of one, such as "
            f"{place}/pair-*-candidate, or judge the pairs with `bench gate {place}` alone"
        )
    if experiment and experiment.runs:
        return [place / job.folder for job in experiment.runs if job.done]
    return [file.parent for file in place.glob("*/run.json")]


def past(folders: Iterable[RunFolder]) -> tuple[list[PastRun], list[RunLeftOut]]:
    """Each run with its numbers, oldest first; and those that cannot be read: crashed, or still going on."""
    found, left_out = [], []
    for folder in folders:
        try:
            run = load(folder)
        except (AnalysisError, FolderError) as error:
            left_out.append(
                RunLeftOut(folder=folder.path.name, reasons=(str(error),), created=_created(folder))
            )
        else:
            found.append(past_run(run, row_of(run, 1, "candidate", 0)))
    return sorted(found, key=lambda one: (one.created, one.folder)), left_out


def _created(folder: RunFolder) -> str | None:
    try:
        return folder.info().created
    except FolderError:
        return None


def setting_of(run: Run, row: RunRow) -> Setting:
    """Where a run belongs."""
    target = run.info.target
    profiles = "+".join(sorted(target.live_workers)) if target else ""
    unreal = f" ({row.unreal})" if row.unreal else ""
    return Setting(
        scenario=run.scenario.name,
        workload=row.scenario,
        model="+".join(sorted({one.model for one in run.scenario.classes})),
        machine=f"{profiles or 'profiles not told'}{unreal}, load from {row.host or 'a host not told'}",
    )


def past_run(run: Run, row: RunRow) -> PastRun:
    """What a run leaves to history."""
    return PastRun(
        folder=row.folder,
        created=run.info.created,
        build=run.info.labels.get(BUILD),
        version=row.version,
        setting=setting_of(run, row),
        window_s=row.window_s,
        rate_per_s=row.rate_per_s,
        requests=row.requests,
        out_tokens=row.out_tokens,
        tokens_source=row.tokens_source,
        faults=row.faults,
        values={
            name: None if isinstance(value, Absent) else value
            for name, value in row.values.items()
            if not isinstance(value, Absent) or value.impossible
        },
        run_id=row.run_id,
    )

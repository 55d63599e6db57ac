"""`bench profiles`: machine profiles against each other, at equal SLO, equal rate and equal money."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.analyze import load_starts
from bench.analyze.plan import load_prices
from bench.analyze.profiles import (
    Design,
    Searched,
    Sources,
    design_of,
    load_searches,
    refuse_mixed,
    refuse_other_starts,
    refuse_unpriced,
    report_profiles,
    scenario_of,
)
from bench.commands import options
from bench.commands.making import longer, set_aside
from bench.commands.probing import Stopped, run_whole
from bench.commands.replay import Request, new_folder, show_report
from bench.experiment import Experiment, Job, Length, profile_runs, run_all
from bench.record import replace as write
from bench.report import render_profiles, write_profiles, write_profiles_page
from bench.scenario import Scenario, load

LEAST_RUNS = 5
INVALID = 4


def profiles(
    capacity: Annotated[
        list[Path], typer.Argument(metavar="CAPACITY...", help="folders that `bench capacity` left")
    ],
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="your prices, over the dated table that is built in")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="the others are compared with it; else the first")
    ] = None,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", help="compare these only; may be repeated")
    ] = None,
    runs: Annotated[
        int, typer.Option(min=LEAST_RUNS, max=100, help="of each profile at each rate; dominance takes 10")
    ] = LEAST_RUNS,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1e-6, metavar="R", help="equal rate, requests/s a replica; else what the weakest has"
        ),
    ] = None,
    utilisation: Annotated[
        float, typer.Option(min=0.05, max=0.85, help="share of its confirmed rate that each is loaded to")
    ] = 0.7,
    requests: Annotated[
        int | None,
        typer.Option(min=20, metavar="N", help="a run lasts until N requests were due; else as the scenario"),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=1e-6, metavar="MONEY", help="an hour, to spend on each; else the dearest replica"),
    ] = None,
    provision: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="cold starts that `bench provision` measured")
    ] = None,
    target: options.Target = None,
    label: options.Labels = None,
    seed: options.PairSeed = 1,
    report: Annotated[bool, typer.Option(help="make report.html too; it takes some seconds")] = True,
    resume: options.Resume = None,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Compare profiles whose capacity was confirmed: latency, rate and cost, with intervals.

    Makes runs with shared seeds, each profile at the same share of its own capacity and all at one rate: in
    virtual time where the capacity was searched so, else over sockets. Leaves profiles.json and a page.
    Stopped at any point, --resume FOLDER goes on at the run that is missing; more --runs may be asked for.
    Exit code 4 where no run counts.

    bench profiles results/20261122T131500Z-mixed-sie-capacity --prices prices.yaml
    """
    searched = load_searches(capacity, profile or ())
    design = design_of(searched, reference, rate, utilisation)
    table = load_prices(prices)
    refuse_unpriced(table, searched)
    starts = load_starts(provision) if provision else None
    if starts:
        refuse_other_starts(design, starts)
    sources = Sources(design, table, budget, starts)
    bases = {name: _base(one, target) for name, one in searched.items()}
    first = bases[design.reference]
    planned = profile_runs(design, runs, seed, Length(requests, first.warmup_s))
    folder = resume or new_folder(first, results, out, "-profiles").path
    experiment = longer(folder, planned) if resume else planned
    making = _Runs(design, folder, _leave_bases(folder, bases), options.labels_of(label))
    options.console.print(_announcement(design, planned), soft_wrap=True)
    try:
        run_all(folder, experiment, making.make)
    except (Stopped, SystemExit) as stop:
        options.console.print(f"stopped; go on with the same options and --resume {folder}", soft_wrap=True)
        raise typer.Exit(stop.code if isinstance(stop, Stopped) else 130) from None
    raise typer.Exit(_conclude(folder, sources, page=report))


def _base(searched: Searched, target: str | None) -> Scenario:
    """The scenario that confirmed the profile's rate, aimed where that was, or elsewhere.

    Raises UsageError for a target where virtual time was searched.
    """
    scenario = scenario_of(searched)
    if target is not None and searched.virtual:
        raise options.UsageError(
            f"--target {target}: the capacity was searched in virtual time, which has none"
        )
    told = searched.confirming
    asked = load(told.scenario_file, told.info().overrides).target.url
    url = None if searched.virtual else target or asked
    return scenario.model_copy(update={"target": scenario.target.model_copy(update={"url": url})})


def _leave_bases(folder: Path, bases: dict[str, Scenario]) -> dict[str, Path]:
    """A scenario file for each profile, beside the runs that differ from it by their overrides.

    Raises UsageError where others are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"scenario-{number}.yaml" for number, name in enumerate(bases, 1)}
    for name, file in files.items():
        text = bases[name].model_dump_json(indent=2) + "\n"
        if file.exists() and file.read_text(encoding="utf-8") != text:
            raise options.UsageError(f"{folder} was begun with another target or capacity than these")
        write(file, text)
    return files


def _announcement(design: Design, planned: Experiment) -> str:
    """Before the first run: at which rates, and how many."""
    loads = ", ".join(
        f"{name} at {' and '.join(f'{rate:.4g}' for rate in design.rates(name))}/s a replica"
        for name in design.searched
    )
    return f"{len(planned.runs)} runs: {loads}; those of one seed have the same requests"


@dataclass(frozen=True, slots=True)
class _Runs:
    """Makes one run after the other."""

    design: Design
    folder: Path
    bases: dict[str, Path]
    labels: dict[str, str]

    def make(self, job: Job, path: Path) -> bool:
        """One run, whole. Raises Stopped where it was interrupted, AnalysisError for one of another kind."""
        set_aside(path)
        source = self.bases[str(job.profile)]
        scenario = load(source, job.overrides)
        made = new_folder(scenario, self.folder, path)
        options.console.print(f"{job.folder}: {job.rate_per_s:.4g}/s", soft_wrap=True)
        virtual = self.design.searched[str(job.profile)].virtual
        run_whole(Request(scenario, source, job.overrides, self.labels), made, virtual=virtual)
        told = made.info().target
        refuse_mixed(self.design, job.folder, told.unreal if told else "")
        return True


def _conclude(folder: Path, sources: Sources, *, page: bool) -> int:
    """What the finished runs say: tables, profiles.json, report.html; the exit code."""
    with options.console.status("comparing ...") as status:
        found = report_profiles(folder, sources, lambda what: status.update(f"comparing: {what}"))
    options.console.print(render_profiles(found))
    options.console.print(str(write_profiles(folder, found)), soft_wrap=True)
    if page:
        show_report(lambda: write_profiles_page(folder), options.console)
    return 0 if found.runs else INVALID

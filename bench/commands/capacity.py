"""`bench capacity`: the highest rate that a profile is confirmed to sustain under the scenario's SLO."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from bench.analyze import strictest
from bench.analyze.plan import CAPACITY_FILE
from bench.commands import options
from bench.commands.probing import Prober, Stopped
from bench.commands.replay import Request, new_folder, show_report
from bench.commands.run import refuse_without_rate
from bench.commands.searching import found_lines, probe_line, tried_line
from bench.experiment import MOST_RUNS, CapacitySearch, Probe, capacities_of, ends_of, report_of, workers_of
from bench.record import replace
from bench.report import short_window, write_search, write_search_page
from bench.scenario import Scenario

INCONCLUSIVE, INVALID = 3, 4


def capacity(
    scenario: options.ScenarioFile,
    profile: Annotated[
        list[str], typer.Option("--profile", help="machine profile to search; may be repeated")
    ],
    target: options.Target = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="in virtual time, without a gateway and without sockets")
    ] = False,
    replicas: Annotated[
        int, typer.Option(min=1, help="simulated replicas of the profile; of a real target /health tells")
    ] = 1,
    burst_users: Annotated[
        int, typer.Option(min=1, max=5000, help="users a replica of the burst that finds the ceiling")
    ] = 128,
    overrides: options.Overrides = None,
    label: options.Labels = None,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="of the first run; each has its own")] = 1,
    resume: options.Resume = None,
    report: Annotated[bool, typer.Option(help="make report.html at the end; it takes some seconds")] = True,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Search the highest rate that each profile sustains under the scenario's SLO, and confirm it.

    About 25 runs a profile (40 at most), each as long as the scenario. Without --target the embedded
    simulated gateway is loaded. Stopped at any point, --resume FOLDER goes on at the run that is missing.
    Leaves report.html, and capacity.json, which `bench plan --capacity` reads. Exit code 3 where a profile
    could not be confirmed, 4 where runs were invalid.

    bench capacity scenarios/capacity-check.yaml --profile l4 --profile a100-40gb --simulate
    """
    if simulate and target:
        raise options.UsageError(f"--simulate has no target: leave out --target {target}")
    changes = options.overrides_of(overrides, None if simulate else target)
    changes = (*changes, "target.url=null") if simulate else changes
    loaded = options.replayable(scenario, changes)
    attainment = _target_of(loaded, scenario)
    asked = {
        "scenario": hashlib.sha256(loaded.model_dump_json().encode()).hexdigest()[:16],
        "simulate": str(simulate),
        "replicas": str(replicas),
        "burst_users": str(burst_users),
    }
    profiles = tuple(dict.fromkeys(profile))
    search = CapacitySearch(
        asked=asked, attainment=attainment, first_seed=seed, made=dict.fromkeys(profiles, ())
    )
    search = search.resumed(resume) if resume else search
    folder = resume or new_folder(loaded, results, out, "-capacity").path
    search.save(folder)
    request = Request(loaded, scenario, changes, options.labels_of(label))
    options.console.print(_announcement(loaded, profiles), soft_wrap=True)
    try:
        for name in profiles:
            prober = Prober(request, name, attainment, replicas, burst_users, simulate)
            search = _searched(search, prober, folder)
    except (Stopped, SystemExit) as stop:
        options.console.print(f"stopped; go on with the same options and --resume {folder}", soft_wrap=True)
        raise typer.Exit(stop.code if isinstance(stop, Stopped) else 130) from None
    raise typer.Exit(_conclude(search, folder, loaded, page=report))


def _target_of(loaded: Scenario, file: Path) -> float:
    """The attainment to search at. Raises UsageError where there is nothing to search."""
    refuse_without_rate(loaded, "a capacity search")
    attainment = strictest(loaded)
    if attainment is None or attainment >= 1:
        raise options.UsageError(
            f"{file}: no class has an SLO to search under: slo: {{ttft_ms: 1000, attainment: 0.95}}"
            if attainment is None
            else f"{file}: an attainment of {attainment:g} cannot be confirmed by any number of runs: 0.99"
        )
    return attainment


def _announcement(scenario: Scenario, profiles: tuple[str, ...]) -> str:
    short = short_window(scenario.duration_s - scenario.warmup_s)
    runs, most = 25 * len(profiles), MOST_RUNS * len(profiles)
    length = f"{scenario.duration_s:g} s for {', '.join(profiles)}"
    return f"about {runs} runs ({most} at most) of {length}{short and '; ' + short}"


def _searched(search: CapacitySearch, prober: Prober, folder: Path) -> CapacitySearch:
    """Make what is missing on one profile, and note each run as soon as it is done."""
    name = prober.profile
    while isinstance(probe := search.next(name), Probe):
        number = len(search.made[name]) + 1
        options.console.print(probe_line(name, probe, number), soft_wrap=True)
        run = prober.run(probe, folder / f"{name}-{number:02d}-{probe.stage}")
        search = search.with_run(name, run)
        search.save(folder)
        options.console.print(tried_line(run), soft_wrap=True)
    return search


def _conclude(search: CapacitySearch, folder: Path, scenario: Scenario, *, page: bool) -> int:
    """Say what was found, and leave it for `bench plan` and for people."""
    found = ends_of(search)
    options.console.print("")
    for name, end in found.items():
        for line in found_lines(name, end, workers_of(search.made[name])):
            options.console.print(line, soft_wrap=True)
    write_search(folder, report_of(search, scenario))
    if capacities := capacities_of(search, scenario):
        replace(folder / CAPACITY_FILE, capacities.model_dump_json(indent=2) + "\n")
        options.console.print(f"{folder / CAPACITY_FILE}", soft_wrap=True)
    if page:
        show_report(lambda: write_search_page(folder), options.console)
    codes = {"confirmed": 0, "inconclusive": INCONCLUSIVE, "invalid": INVALID}
    return max(codes[end.outcome] for end in found.values())

"""`bench run`: replay a scenario, once or at several rates, and leave run folders with reports."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options
from bench.commands.processes import ProcessError
from bench.commands.replay import Request, conclude, new_folder, replay
from bench.experiment import Job, rates, run_all
from bench.record import RunFolder
from bench.report import write_sweep
from bench.scenario import Scenario, TraceArrivals, load


def run(
    scenario: options.ScenarioFile,
    target: options.Target = None,
    overrides: options.Overrides = None,
    label: options.Labels = None,
    rate_list: Annotated[
        str | None,
        typer.Option("--rates", metavar="R,R,…", help="one run for each arrival rate, and one figure"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="exit with 1 when an SLO is missed, naming it")
    ] = False,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
    web_ui: Annotated[
        bool, typer.Option("--web-ui", help="serve Locust's page while the run goes on")
    ] = False,
    web_port: Annotated[int, typer.Option(min=1, max=65535, help="port of that page, on 127.0.0.1")] = 8089,
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="share the load among N processes, one a core at most")
    ] = 1,
) -> None:
    """Replay a scenario and leave a run folder with a report.

    Without --target the embedded simulated gateway is started for the run. Ctrl-C once stops sending and
    waits for replies, twice ends at once; the folder is complete either way.

    bench run scenarios/mixed.yaml --target http://host:8080 --set arrivals.rate_per_s=20 --check
    """
    changes = options.overrides_of(overrides, target)
    loaded = options.replayable(scenario, changes)
    options.check_processes(processes)
    page = web_port if web_ui else None
    request = Request(loaded, scenario, changes, options.labels_of(label), page, processes)
    asked_rates = options.rates_of(rate_list)
    if asked_rates:
        code = _sweep(request, asked_rates, results, out, check=check)
    else:
        code = _once(request, new_folder(loaded, results, out), check=check)
    raise typer.Exit(code)


def _once(request: Request, folder: RunFolder, *, check: bool) -> int:
    code = replay(request, folder, options.console)
    if not folder.path.exists():
        return code
    misses = conclude(folder, options.console)
    return code or int(check and bool(misses))


def _sweep(request: Request, asked: list[float], results: Path, out: Path | None, *, check: bool) -> int:
    refuse_without_rate(request.scenario)
    folder = new_folder(request.scenario, results, out, "-rates").path
    codes: list[int] = []

    def one(job: Job, path: Path) -> bool:
        changes = (*request.overrides, *job.overrides)
        scenario = load(request.source, changes)
        mine = replace(request, scenario=scenario, overrides=changes)
        try:
            codes.append(_once(mine, new_folder(scenario, results, path), check=check))
        except ProcessError as error:
            options.console.print(f"the sweep ends at {job.folder}: {error}", style="red", soft_wrap=True)
            codes.append(error.code)
            return False
        return codes[-1] != INTERRUPTED

    done = run_all(folder, rates(asked), one)
    if any(job.done for job in done.runs):
        options.console.print(f"\nsweep: {write_sweep(folder)}", soft_wrap=True)
    return max(codes)


def refuse_without_rate(scenario: Scenario, what: str = "--rates") -> None:
    """Raise UsageError for a scenario whose arrivals have no rate to change."""
    if scenario.arrivals is None or isinstance(scenario.arrivals, TraceArrivals):
        kind = "a closed loop" if scenario.arrivals is None else "a trace"
        raise options.UsageError(f"{what} needs constant or poisson arrivals; {scenario.name} replays {kind}")


INTERRUPTED = 130

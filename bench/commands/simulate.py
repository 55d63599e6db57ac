"""`bench simulate`: the same schedule through the simulation's model, in virtual time."""

import shutil
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from bench.commands import options
from bench.commands.replay import Request, conclude, info_of
from bench.record import RunFolder, create_folder
from bench.virtual import write_run

EVERY_S = 600.0
"""Virtual seconds between two lines of progress."""


def simulate(
    scenario: options.ScenarioFile,
    fleet: Annotated[
        str | None,
        typer.Option(metavar="LANES", help="the same as --set sim.fleet=..., such as l4=4 or l4=0..2"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="of the simulation's own chance: --set sim.seed=...")
    ] = None,
    overrides: options.Overrides = None,
    label: options.Labels = None,
    check: Annotated[
        bool, typer.Option("--check", help="exit with 1 when an SLO is missed, naming it")
    ] = False,
    report: Annotated[bool, typer.Option(help="make report.html too; it takes some seconds")] = True,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Replay a scenario's schedule on simulated GPUs in virtual time, and leave an ordinary run folder.

    No gateway, no sockets: a day of traffic takes seconds. The target of the scenario is ignored; its `sim`
    keys say what is simulated. Summary, report, export and compare read the folder as that of any run, and
    say everywhere that it was simulated, in virtual time.

    bench simulate scenarios/mixed.yaml --fleet l4=4,a100-40gb=0..1 --set arrivals.rate_per_s=20
    """
    changes = (
        *(overrides or ()),
        *([f"sim.fleet={fleet}"] if fleet is not None else ()),
        *([f"sim.seed={seed}"] if seed is not None else ()),
        "target.url=null",
    )
    loaded = options.replayable(scenario, changes)
    info = info_of(Request(loaded, scenario, changes, options.labels_of(label)), loaded)
    folder = create_folder(results, f"{loaded.name}-virtual", datetime.now(UTC), out)
    try:
        shutil.copyfile(scenario, folder.scenario_file)
        options.console.print(f"{loaded.name} -> {folder.path}", highlight=False, soft_wrap=True)
        write_run(folder, info, _Progress(options.console, loaded.duration_s))
    except BaseException:
        _leave_no_empty(folder)
        raise
    misses = conclude(folder, options.console, report=report)
    raise typer.Exit(int(check and bool(misses)))


class _Progress:
    def __init__(self, console: Console, duration_s: float) -> None:
        self._console, self._duration_s, self._told_s = console, duration_s, 0.0

    def __call__(self, now_s: float, ended: int, scheduled: int | None) -> None:
        if now_s - self._told_s >= max(EVERY_S, self._duration_s / 10):
            self._told_s = now_s
            of = "" if scheduled is None else f" of {scheduled:,}"
            self._console.print(
                f"{now_s:8.0f} of {self._duration_s:g} virtual s   ended {ended:,}{of}", highlight=False
            )


def _leave_no_empty(folder: RunFolder) -> None:
    if not folder.log_files():
        shutil.rmtree(folder.path)

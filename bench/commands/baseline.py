"""`bench baseline`: runs that others are held against later."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.analyze.baseline import baselines_of, stored
from bench.analyze.history import past, runs_in
from bench.commands import options
from bench.report import render_baselines, write_baseline

app = typer.Typer(
    name="baseline",
    help="Store runs as a baseline, by workload, model and machine; `bench gate RUNS...` judges by it.",
    no_args_is_help=True,
)


@app.command("set")
def set_baseline(
    places: Annotated[
        list[Path], typer.Argument(metavar="RUNS...", help="five runs or more, or folders that hold some")
    ],
    results: options.Results = options.RESULTS,
) -> None:
    """Make these runs the baseline of their workload, model and machine.

    Their numbers are copied into baselines/ in --results; the runs themselves may go. A baseline of the same
    workload, model and machine is replaced.

    bench baseline set results/20261122T131500Z-mixed-sie-aa
    """
    runs, unreadable = past(runs_in(places))
    if unreadable:
        raise options.UsageError("\n".join(reason for one in unreadable for reason in one.reasons))
    for baseline in baselines_of(runs, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"):
        file, replaced = write_baseline(results, baseline)
        options.console.print(render_baselines([baseline]))
        note = f", in place of the one set at {replaced.set_at}" if replaced else ""
        options.console.print(f"{file}{note}", soft_wrap=True)


@app.command("show")
def show_baselines(results: options.Results = options.RESULTS) -> None:
    """List the baselines that there are.

    bench baseline show
    """
    options.console.print(render_baselines(stored(results)))

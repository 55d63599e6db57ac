"""`bench trend`: the history of runs over builds, and when it moved."""

from pathlib import Path
from typing import Annotated

import typer

from bench.analyze.gate import load_policy
from bench.analyze.history import past, runs_in
from bench.analyze.trend import trend_of
from bench.commands import options
from bench.commands.gate import PolicyFile
from bench.commands.replay import show_report
from bench.report import render_trend, write_trend, write_trend_report


def trend(
    places: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="run folders, or folders that hold some")
    ],
    policy: PolicyFile = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="exit with 1 where something new is worse, with 3 where it seems so"),
    ] = False,
    recent: Annotated[
        int, typer.Option(min=1, metavar="N", help="a change is new while no more than N points follow it")
    ] = 10,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="write the report there; docs/trend.md has the keys"),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="write a page with the figures there")
    ] = None,
) -> None:
    """Say when a metric moved: the history of runs over builds, a series for each workload and machine.

    A point is a build, named by `bench run --label build=abc123`; without that label, a run. Margins and
    metrics are those of the gate's policy. Without --strict it advises, and the exit code is 0.

    bench trend results --strict
    """
    for file in filter(None, (json, page)):
        options.refuse_homeless(file)
    used = load_policy(policy)
    folders = runs_in(places)
    with options.console.status(f"reading {len(folders)} runs") as status:
        runs, unreadable = past(folders)
        report = trend_of(used, runs, strict, recent, unreadable, status.update)
    options.console.print(render_trend(report))
    if page is not None:
        show_report(lambda: write_trend_report(page, report), options.console)
    if json is not None:
        options.console.print(str(write_trend(json, report)), soft_wrap=True)
    raise typer.Exit(report.exit_code)

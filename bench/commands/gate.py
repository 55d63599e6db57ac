"""`bench gate`: the verdict on an experiment of pairs; `bench compare`: two runs, and no verdict."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.analyze import load
from bench.analyze.compare import compare as compare_runs
from bench.analyze.gate import Policy, declared, load_policy, load_rows
from bench.analyze.gate import gate as decide
from bench.commands import options
from bench.commands.replay import show_report
from bench.record import RunFolder
from bench.report import render_comparison, render_gate, write_gate, write_gate_report

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="what to gate on; docs/gate.md has the keys")
]

Page = Annotated[
    bool, typer.Option("--report/--no-report", help="make report.html, which takes some seconds")
]


def gate(
    folder: Annotated[Path, typer.Argument(help="folder that `bench ab` made")],
    policy: PolicyFile = None,
    inconclusive: Annotated[
        Literal["report", "pass", "fail"] | None,
        typer.Option(help="let an undecided gate exit with 3, 0 or 1; the policy's word where left out"),
    ] = None,
    page: Page = True,
) -> None:
    """Judge pairs of runs: PASS exits with 0, FAIL 1, INCONCLUSIVE 3, INVALID 4.

    Leaves gate.json, junit.xml, summary.md and report.html in the folder.

    bench gate results/20261122T131500Z-mixed-sie-ab
    """
    raise typer.Exit(conclude_gate(folder, policy_of(folder, policy, inconclusive), page=page))


def conclude_gate(folder: Path, policy: Policy, *, page: bool = True) -> int:
    """Judge, print, and leave the files of the verdict and its page; returns the exit code."""
    report = decide(policy, load_rows(folder, policy))
    options.console.print(render_gate(report))
    for file in write_gate(folder, report):
        options.console.print(str(file), soft_wrap=True)
    if page:
        show_report(lambda: write_gate_report(folder), options.console)
    return report.exit_code


def policy_of(
    folder: Path, file: Path | None, inconclusive: Literal["report", "pass", "fail"] | None = None
) -> Policy:
    """The policy of a file, else the declared one. Raises UsageError where their looks differ."""
    planned = declared(folder)
    policy = load_policy(file) if file else planned
    if (policy.looks, policy.alpha) != (planned.looks, planned.alpha):
        raise options.UsageError(
            f"{file}: looks {list(policy.looks)} at alpha {policy.alpha:g}, but {list(planned.looks)} at "
            f"{planned.alpha:g} were declared before the first run; other looks need a new experiment"
        )
    return policy.model_copy(update={"inconclusive": inconclusive}) if inconclusive else policy


def compare(
    first: Annotated[Path, typer.Argument(help="run folder")],
    second: Annotated[Path, typer.Argument(help="run folder to set beside it")],
    confirmed_rate: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="R", help="requests/s the target sustains; then intervals are shown"),
    ] = None,
) -> None:
    """Set two runs side by side: estimates, intervals where they may be shown, and no verdict.

    bench compare results/20261122T131500Z-mixed-sie results/20261122T141500Z-mixed-sie
    """
    runs = [load(RunFolder(folder)) for folder in (first, second)]
    options.console.print(render_comparison(compare_runs(runs[0], runs[1], confirmed_rate)))

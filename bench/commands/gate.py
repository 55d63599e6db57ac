"""`bench gate`: the verdict on an experiment of pairs; `bench compare`: two runs, and no verdict."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.analyze import load
from bench.analyze.baseline import baseline_for, spell
from bench.analyze.compare import compare as compare_runs
from bench.analyze.gate import GateReport, Policy, arms_in, declared, load_policy, load_rows, row_of
from bench.analyze.gate import gate as decide
from bench.analyze.historical import gate_historical
from bench.analyze.history import runs_in, setting_of
from bench.commands import options
from bench.commands.replay import show_report
from bench.report import render_comparison, render_gate, write_gate, write_gate_report

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="what to gate on; docs/gate.md has the keys")
]

Page = Annotated[
    bool, typer.Option("--report/--no-report", help="make report.html, which takes some seconds")
]


def gate(
    places: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="folder that `bench ab` made; or runs, against a baseline"),
    ],
    policy: PolicyFile = None,
    inconclusive: Annotated[
        Literal["report", "pass", "fail"] | None,
        typer.Option(help="let an undecided gate exit with 3, 0 or 1; the policy's word where left out"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for the files; the experiment's where left out")
    ] = None,
    results: options.Results = options.RESULTS,
    page: Page = True,
) -> None:
    """Judge pairs of runs: PASS exits with 0, FAIL 1, INCONCLUSIVE 3, INVALID 4.

    Leaves gate.json, junit.xml, summary.md and report.html in the folder, with --out only the first three
    and there. Run folders instead of an experiment are judged against the baseline that `bench baseline set`
    stored in --results; then the files need --out.

    bench gate results/20261122T131500Z-mixed-sie-ab
    """
    experiment = places[0] if len(places) == 1 and not (places[0] / "run.json").exists() else None
    if experiment and not out:
        raise typer.Exit(conclude_gate(experiment, policy_of(experiment, policy, inconclusive), page=page))
    if experiment:
        report = decide(used := policy_of(experiment, policy, inconclusive), load_rows(experiment, used))
    else:
        report = _historical(places, _with(load_policy(policy), inconclusive), results)
    _show(report, out)
    raise typer.Exit(report.exit_code)


def conclude_gate(folder: Path, policy: Policy, *, page: bool = True) -> int:
    """Judge an experiment, print, and leave the verdict's files and its page; returns the exit code."""
    report = decide(policy, load_rows(folder, policy))
    _show(report, folder)
    if page:
        show_report(lambda: write_gate_report(folder), options.console)
    return report.exit_code


def _show(report: GateReport, place: Path | None) -> None:
    options.console.print(render_gate(report))
    if place:
        place.mkdir(parents=True, exist_ok=True)
        for file in write_gate(place, report):
            options.console.print(str(file), soft_wrap=True)


def _historical(places: list[Path], policy: Policy, results: Path) -> GateReport:
    """Runs of one setting against its baseline. Raises AnalysisError where there is none."""
    runs = [load(folder) for folder in runs_in(places)]
    rows = [row_of(run, n, "candidate", n, policy.slo) for n, run in enumerate(runs, start=1)]
    settings = [setting_of(run, row) for run, row in zip(runs, rows, strict=True)]
    first, others = settings[0], [one for one in settings if one != settings[0]]
    if others:
        raise options.UsageError(
            f"the runs are of different settings, which have baselines of their own: {spell(first)}; "
            f"{spell(others[0])}"
        )
    return gate_historical(policy, baseline_for(results, first), rows)


def _with(policy: Policy, inconclusive: Literal["report", "pass", "fail"] | None) -> Policy:
    return policy.model_copy(update={"inconclusive": inconclusive}) if inconclusive else policy


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
    return _with(policy, inconclusive)


def compare(
    first: Annotated[Path, typer.Argument(help="run folder, a folder of repeats, or what `bench ab` made")],
    second: Annotated[
        Path | None, typer.Argument(help="the same, to set beside it; not with what `bench ab` made")
    ] = None,
    confirmed_rate: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="R", help="requests/s the target sustains; then intervals are shown"),
    ] = None,
) -> None:
    """Set two runs side by side: estimates, intervals where they may be shown, and no verdict.

    Repeats in one folder count as one side: from five of them on the interval is over the runs. What `bench
    ab` made is compared arm by arm.

    bench compare results/20261122T131500Z-mixed-sie results/20261122T141500Z-mixed-sie
    """
    sides = [runs_in([first]), runs_in([second])] if second else arms_in(first)
    runs = [[load(folder) for folder in side] for side in sides]
    options.console.print(render_comparison(compare_runs(runs[0], runs[1], confirmed_rate)))

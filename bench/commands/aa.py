"""`bench aa`: pairs of one build against itself: the noise of an environment, and what a gate sees in it."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bench.analyze.gate import Policy, RunRow, load_policy, load_rows, noise
from bench.commands import options
from bench.commands.ab import refuse_in_vain
from bench.commands.gate import PolicyFile
from bench.commands.making import make, resumed
from bench.commands.replay import Request, new_folder, show_report
from bench.experiment import pairs
from bench.report import render_noise, write_noise, write_noise_report

INVALID = 4


def aa(
    scenario: options.ScenarioFile,
    target: options.Target = None,
    pair_count: Annotated[
        int, typer.Option("--pairs", min=5, max=100, help="pairs to make; 20 are good")
    ] = 20,
    before_arm: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="run before each run, to flush or to restart")
    ] = None,
    policy: PolicyFile = None,
    overrides: options.Overrides = None,
    label: options.Labels = None,
    seed: options.PairSeed = 1,
    resume: options.Resume = None,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Run one build against itself, and say what noise there is and what shift a gate could see.

    Exit code 0, or 4 where the environment is not sound. Without --target: the embedded simulated gateway.

    bench aa scenarios/mixed.yaml --target http://host:8080
    """
    used, changes = load_policy(policy), options.overrides_of(overrides, target)
    loaded = options.replayable(scenario, changes)
    refuse_in_vain(loaded, used)
    planned = pairs(used, (), (), seed, pair_count)
    request = Request(loaded, scenario, changes, options.labels_of(label))
    folder = resume or new_folder(loaded, results, out, "-aa").path
    experiment = resumed(folder, planned) if resume else planned
    code = make(folder, experiment, request, before_arm, _never)
    if code:
        raise typer.Exit(code)
    report = noise(used, load_rows(folder, used))
    options.console.print(render_noise(report))
    options.console.print(str(write_noise(folder, report)), soft_wrap=True)
    show_report(lambda: write_noise_report(folder), options.console)
    raise typer.Exit(0 if report.sound else INVALID)


def _never(policy: Policy, rows: Sequence[RunRow]) -> bool:  # noqa: ARG001 - all pairs are made, whatever they show
    return False

"""`bench ab`: pairs of twin runs of two builds, until a declared look decides."""

from collections.abc import Iterator
from typing import Annotated

import typer

from bench.analyze.gate import (
    Policy,
    level_of_each_look,
    load_policy,
    settled,
    smallest_shift,
)
from bench.commands import options
from bench.commands.gate import PolicyFile, conclude_gate
from bench.commands.making import make, resumed
from bench.commands.replay import Request, new_folder
from bench.experiment import Experiment, pairs
from bench.scenario import ConstantArrivals, PoissonArrivals, Scenario

SETTLING_S = 5
MOST_LOAD = 0.85


def ab(
    scenario: options.ScenarioFile,
    baseline: Annotated[str | None, typer.Option(metavar="URL", help="gateway with the old build")] = None,
    candidate: Annotated[str | None, typer.Option(metavar="URL", help="gateway with the new build")] = None,
    target: Annotated[
        str | None, typer.Option(metavar="URL", help="one gateway for both, with --before-arm")
    ] = None,
    before_arm: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="run before each run, with BENCH_ARM=baseline or candidate"),
    ] = None,
    policy: PolicyFile = None,
    overrides: options.Overrides = None,
    label: options.Labels = None,
    seed: options.PairSeed = 1,
    resume: options.Resume = None,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Compare two builds by pairs of twin runs in ABBA order, and judge them.

    Stops as soon as a look that the policy declares decides. Exit codes are those of `bench gate`.

    bench ab scenarios/mixed.yaml --baseline http://old:8080 --candidate http://new:8080
    """
    arms = _targets(baseline, candidate, target, before_arm)
    used = load_policy(policy)
    changes = options.overrides_of(overrides, None)
    loaded = options.replayable(scenario, (*changes, *arms[0]))
    refuse_in_vain(loaded, used)
    planned = pairs(used, arms[0], arms[1], seed)
    request = Request(loaded, scenario, changes, options.labels_of(label))
    folder = resume or new_folder(loaded, results, out, "-ab").path
    experiment = resumed(folder, planned) if resume else planned
    for line in _announcement(loaded, used, planned):
        options.console.print(line, soft_wrap=True)
    code = make(folder, experiment, request, before_arm, settled)
    raise typer.Exit(code or conclude_gate(folder, used))


def _targets(
    baseline: str | None, candidate: str | None, target: str | None, before_arm: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The overrides of each arm. Raises UsageError where it is not clear what to compare."""
    if target and before_arm and not (baseline or candidate):
        return ((f"target.url={target}",),) * 2
    if baseline and candidate and not target:
        return (f"target.url={baseline}",), (f"target.url={candidate}",)
    raise options.UsageError(
        "name both builds: --baseline URL --candidate URL, or one place for both: --target URL --before-arm "
        "COMMAND that deploys the arm in $BENCH_ARM"
    )


def refuse_in_vain(scenario: Scenario, policy: Policy) -> None:
    """What the gate would refuse after hours is refused now."""
    window_s = scenario.duration_s - scenario.warmup_s
    if window_s < policy.min_window_s:
        raise options.UsageError(
            f"the window is {window_s:g} s and the policy asks for {policy.min_window_s:g}: --set duration_s="
            f"{policy.min_window_s + scenario.warmup_s:g}, or set min_window_s in the policy"
        )
    rate_per_s, confirmed = _rate(scenario), policy.confirmed_rate_per_s
    if rate_per_s and confirmed and rate_per_s > MOST_LOAD * confirmed:
        raise options.UsageError(
            f"{rate_per_s:g} req/s is {rate_per_s / confirmed:.0%} of the confirmed rate; a gate needs "
            f"{MOST_LOAD:.0%} or less: --set arrivals.rate_per_s={0.7 * confirmed:g}"
        )


def _rate(scenario: Scenario) -> float | None:
    arrivals = scenario.arrivals
    return arrivals.rate_per_s if isinstance(arrivals, ConstantArrivals | PoissonArrivals) else None


def _announcement(scenario: Scenario, policy: Policy, planned: Experiment) -> Iterator[str]:
    """Before the first run: which, how many, how long, and what they can show."""
    order = "".join(str(job.arm)[0].upper() for job in planned.runs)
    pairs_in_order = " ".join(order[i : i + 2] for i in range(0, len(order), 2))
    yield f"runs (B baseline, C candidate; a pair has its own seeds): {pairs_in_order}"
    run_s = scenario.duration_s + SETTLING_S
    alpha = level_of_each_look(policy.looks, policy.alpha)
    for look in policy.looks:
        seen = ", ".join(
            f"{spread * smallest_shift(look, alpha):.1%} at {spread:.0%}" for spread in (0.01, 0.03, 0.05)
        )
        yield (
            f"look at {look} pairs: {2 * look} runs, about {2 * look * run_s / 60:.0f} min; sees 9 times of "
            f"10 a shift of {seen} spread between pairs"
        )
    if policy.confirmed_rate_per_s is None:
        yield "load relative to capacity unknown: the policy has no confirmed_rate_per_s"

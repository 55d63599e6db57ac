"""A plan's busiest part as a run: its requests drawn by the demand, its replicas by the plan."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.analyze.plan import Busy, PlanError
from bench.scenario import Scenario

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MOST_WORKERS = 64
"""Of one lane of the model."""


def write_arrivals(file: Path, busy: Busy, seed: int) -> int:
    """Draw a Poisson number of requests in each step, anywhere in it; leave them as a trace.

    Returns how many. The lengths in it are 1: the scenario's classes have their own. Raises PlanError where
    none is due.
    """
    random = np.random.default_rng(seed)
    counts = random.poisson(busy.rate_per_s * busy.step_s)
    starts = np.repeat(busy.step_s * np.arange(len(counts)), counts)
    due_s = np.sort(starts + busy.step_s * random.random(len(starts)))
    if not len(due_s):
        raise PlanError("the busiest part of the demand asks for nothing: there is nothing to play")
    # A trace counts from its first request: this one stands for the beginning.
    lines = (f"{EPOCH + timedelta(seconds=float(at)):%Y-%m-%d %H:%M:%S.%f},1,1\n" for at in (0.0, *due_s))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as text:
        text.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        text.writelines(lines)
    return len(due_s)


def overrides_for_plan(scenario: Scenario, busy: Busy, arrivals: Path) -> tuple[str, ...]:
    """How a scenario has to differ to be that run. Raises PlanError for what the model cannot do."""
    _refuse(scenario, busy)
    profile = next(iter(busy.live)) if len(busy.live) == 1 else ""
    fleet = ",".join(
        f"{name}={counts[0][1]}..{max(n for _, n in counts)}" for name, counts in busy.live.items()
    )
    return (
        f"duration_s={busy.length_s + busy.warmup_s:g}",
        f"warmup_s={busy.warmup_s:g}",
        f"arrivals={{process: trace, file: '{arrivals}'}}",
        "closed_loop=null",
        f"sim.fleet={fleet}",
        "sim.autoscale=false",
        "target.url=null",
        *(f"classes.{one.name}.profiles=[{profile}]" for one in scenario.classes),
        *_weights(scenario, busy.shares),
    )


def _refuse(scenario: Scenario, busy: Busy) -> None:
    for name, counts in busy.live.items():
        most = max(count for _, count in counts)
        if most > MOST_WORKERS:
            raise PlanError(
                f"the plan has {most} {name}, and the model {MOST_WORKERS} of a profile: plan for one of "
                "several such pools, with --times"
            )
    classes = {one.name for one in scenario.classes}
    strange = [name for name in busy.shares if name not in classes]
    if len(busy.shares) > 1 and strange:
        raise PlanError(
            f"the demand has class {strange[0]!r}, and {scenario.name} has {', '.join(sorted(classes))}"
        )


def _weights(scenario: Scenario, shares: Mapping[str, float]) -> Iterator[str]:
    """Of a demand with a column for each class; else the scenario's own."""
    if len(shares) > 1:
        for one in scenario.classes:
            yield f"classes.{one.name}.weight={max(shares.get(one.name, 0.0), 1e-9):.9g}"

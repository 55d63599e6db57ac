"""`bench plan`: how many of which profile, when, and what it costs."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.analyze.plan import (
    Demand,
    PlanError,
    Settings,
    load_capacities,
    load_prices,
    make_plans,
    of_trace,
    read_rates,
)
from bench.commands import options
from bench.commands.in_model import modelled, play_best
from bench.record import create_folder
from bench.report import render_plan, write_plan
from bench.scenario import TraceArrivals
from bench.workload import read_trace


def plan(
    demand: Annotated[
        Path, typer.Option(metavar="CSV", help="recorded trace, or a rate table: start_s,rate_per_s")
    ],
    capacity: Annotated[
        Path, typer.Option(metavar="PATH", help="what a replica sustains: a capacity file, or its folder")
    ],
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="your prices, over the dated table that is built in")
    ] = None,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", help="plan with this one only; may be repeated")
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option("--start", metavar="PROFILE=S", help="start time, over the capacity file's: l4=240"),
    ] = None,
    times: Annotated[float, typer.Option(min=1e-6, help="plan for so many times the demand")] = 1.0,
    step: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="S", help="step of the replay; at most 60 s where left out"),
    ] = None,
    detect: Annotated[
        float, typer.Option(min=0, metavar="S", help="until the autoscaler sees a change")
    ] = 60.0,
    scale_down_wait: Annotated[
        float, typer.Option(min=0, metavar="S", help="how long a replica stays that is not needed")
    ] = 600.0,
    growth_quantile: Annotated[
        float, typer.Option(min=0.5, max=1, help="of the growth within detection and start: the headroom")
    ] = 0.99,
    utilisation: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="load replicas to this, instead of 1 / growth")
    ] = None,
    spare: Annotated[int, typer.Option(min=0, help="replicas that a static fleet may lose")] = 1,
    delayed: Annotated[
        float, typer.Option(min=0, max=0.5, help="share of the requests that may wait for capacity")
    ] = 0.0,
    max_delay: Annotated[
        float, typer.Option(min=0, metavar="S", help="a wait for capacity that is no delay yet")
    ] = 0.0,
    in_model: Annotated[
        Path | None,
        typer.Option(
            metavar="SCENARIO", help="play the best plan in virtual time, with this traffic and SLO"
        ),
    ] = None,
    in_model_s: Annotated[
        float, typer.Option(min=1, metavar="S", help="and so much of the demand: its busiest part")
    ] = 3600.0,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Plan a fleet for a demand: replicas of each profile over the day, cost, and who would have to wait.

    Static, reactive and scheduled policies, on each profile and on mixes, each replayed against the demand.
    Leaves plan.json. With --in-model the cheapest that keeps the target is played request by request as well.
    Exit code 1 where no plan keeps the target. docs/plan.md has the files' keys.

    bench plan --demand trace.csv --capacity capacity.yaml --prices prices.yaml
    """
    settings = Settings(
        detect_s=detect,
        scale_down_wait_s=scale_down_wait,
        growth_quantile=growth_quantile,
        utilisation=utilisation,
        spare=spare,
        max_delayed_share=delayed,
        max_delay_s=max_delay,
    )
    capacities = load_capacities(capacity)
    if profile:
        missing = [name for name in profile if name not in capacities.profiles]
        if missing:
            raise options.UsageError(
                f"--profile {missing[0]}: {capacity} has {', '.join(capacities.profiles)}"
            )
        kept = {name: capacities.profiles[name] for name in profile}
        capacities = capacities.model_copy(update={"profiles": kept})
    if in_model:
        modelled(in_model)
    table, starts_s = load_prices(prices), _starts(start)
    asked = _demand(demand, step, times)
    with options.console.status("planning ...") as status:
        answer = make_plans(
            asked, capacities, table, settings, starts_s, lambda what: status.update(f"planning: {what}")
        )
    folder = create_folder(results, "plan", datetime.now(UTC), out)
    write_plan(folder.path, answer)
    if in_model and answer.best is not None:
        with options.console.status("in the model ...") as status:
            played = play_best(in_model, asked, answer, in_model_s, folder.path, status.update)
        answer = answer.model_copy(update={"in_model": played})
    options.console.print(render_plan(answer))
    options.console.print(str(write_plan(folder.path, answer)), soft_wrap=True)
    raise typer.Exit(int(answer.best is None))


def _demand(file: Path, step_s: float | None, times: float) -> Demand:
    """A trace or a rate table, by its header. Raises PlanError, TraceError."""
    try:
        with file.open(encoding="utf-8") as text:
            header = text.readline()
    except OSError as error:
        raise PlanError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PlanError(f"{file}: is no CSV file in UTF-8") from None
    if header.startswith("TIMESTAMP"):
        trace = read_trace(TraceArrivals(process="trace", file=str(file)), math.inf)
        found = of_trace(trace.due_ns, trace.out_tokens, step_s)
    else:
        found = read_rates(file, step_s)
    tokens = found.out_tokens_per_s
    return replace(
        found,
        classes={name: rate * times for name, rate in found.classes.items()},
        out_tokens_per_s=None if tokens is None else tokens * times,
    )


def _starts(words: list[str] | None) -> dict[str, float]:
    """`--start l4=240` as a mapping. Raises UsageError."""
    found = {}
    for word in words or ():
        name, _, text = word.partition("=")
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] < math.inf:
            raise options.UsageError(f"--start {word}: say it as profile=seconds, l4=240")
    return found

"""`bench preview`: what a scenario would send, without sending it."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from bench.analyze import place
from bench.commands import options
from bench.record import CalibrationError, Load, read_calibration, this_machine
from bench.workload import Schedule, Texts, busiest_second, expected, lines, make_schedule, peak_in_flight

FIRST = 5


def preview(
    scenario: options.ScenarioFile,
    overrides: options.Overrides = None,
    ttft_ms: Annotated[
        float, typer.Option(min=0, help="time to first token to assume for the peak in flight")
    ] = 300.0,
    tpot_ms: Annotated[float, typer.Option(min=0, help="time per output token to assume")] = 30.0,
) -> None:
    """Show what a scenario would send, and whether `bench calibrate` proved that this host can drive it.

    Requests and tokens by class and profile, arrivals, peak in flight.
    """
    schedule = make_schedule(options.replayable(scenario, tuple(overrides or ())))
    options.console.print(_table(schedule))
    for line in _facts(schedule, ttft_ms, tpot_ms):
        options.console.print(line, soft_wrap=True)
    options.console.print(_standing(schedule, ttft_ms, tpot_ms))
    for line in _examples(schedule):
        options.console.print(line, soft_wrap=True)


def _table(schedule: Schedule) -> Table:
    open_loop = schedule.is_open
    title = "whole run" if open_loop else "one round of the users' turns"
    table = Table(title=f"{schedule.scenario.name}: {title}", title_justify="left", box=None, pad_edge=False)
    for name in ("class", "operation", "profile"):
        table.add_column(name)
    for name in ("requests", "input tokens", "output tokens", "items"):
        table.add_column(name, justify="right")
    for line in lines(schedule):
        numbers = (line.requests, line.in_tokens, line.out_tokens, line.items)
        shown = ("-" if number is None else f"{number:,}" for number in numbers)
        table.add_row(line.traffic_class, line.operation, line.profile, *shown)
    return table


def _facts(schedule: Schedule, ttft_ms: float, tpot_ms: float) -> list[str]:
    scenario = schedule.scenario
    peak = peak_in_flight(schedule, ttft_ms / 1000, tpot_ms / 1000)
    if scenario.closed_loop:
        loop = scenario.closed_loop
        arrivals = f"closed loop: {loop.users} users, think time {loop.think_time_s:g} s ({loop.think})"
    else:
        rate = len(schedule) / scenario.duration_s
        busiest = busiest_second(schedule)
        arrivals = (
            f"{len(schedule):,} arrivals in {scenario.duration_s:g} s: {rate:.2f}/s, busiest second {busiest}"
        )
    return [
        "",
        arrivals,
        f"peak in flight about {peak}, if TTFT were {ttft_ms:g} ms and TPOT {tpot_ms:g} ms",
        *(f"trace: lines {what}: {count}" for what, count in schedule.losses.items() if count),
        f"schedule {schedule.hash[:16]}",
    ]


def _examples(schedule: Schedule) -> list[str]:
    texts = Texts(schedule.scenario.seeds.texts, {})
    first = [schedule.planned(index) for index in range(min(FIRST, len(schedule)))]
    shown = (_example(planned.due_ns, texts.of(planned)[0], planned.traffic.name) for planned in first)
    return ["", *shown]


def _standing(schedule: Schedule, ttft_ms: float, tpot_ms: float) -> str:
    """Whether this host was proved to drive that much, and what to type if not."""
    peak = expected(schedule, ttft_ms / 1000, tpot_ms / 1000)
    machine = this_machine()
    try:
        kept = read_calibration(machine.node)
    except CalibrationError as error:
        return str(error)
    standing = place(kept, machine, Load(**asdict(peak)), "its peak")
    said = standing.sentence[0].upper() + standing.sentence[1:]
    return f"{said}; next: {standing.next_command}" if standing.next_command else said


def _example(due_ns: int | None, text: str, name: str) -> str:
    instant = "     ready" if due_ns is None else f"{due_ns / 1e9:9.3f} s"
    return f"{instant}  {name}: {text[:60]}…"

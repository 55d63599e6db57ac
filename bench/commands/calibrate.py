"""`bench calibrate`: what this machine measures, how wrong, and up to which load."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.analyze import LIMIT_MS, disturbed, doubts, errors_hold
from bench.commands import options
from bench.commands.calibration_step import Span, cores, run_step
from bench.commands.progress import ProgressLine
from bench.experiment import Ladder, Rung, rungs
from bench.record import (
    Calibration,
    CalibrationError,
    Step,
    keep_calibration,
    read_calibration,
    this_machine,
)
from bench.report import check_lines, render_calibration, step_line

BUDGET_S = 150.0
"""No step begins that would end later than this: the whole takes less than three minutes."""

WHOLE = Span(opening_s=2.5, measured_s=4.0)
QUICK = Span(opening_s=0.8, measured_s=2.2)
SMALL_REQUESTS_PER_S = (250, 1000, 4000)
INTERRUPTED = 130


def calibrate(
    quick: Annotated[
        bool,
        typer.Option("--quick", help="two small loads: shows that it works, proves little"),
    ] = False,
    max_streams: Annotated[int, typer.Option(min=1, max=16_384, help="most streams at once to try")] = 1024,
    check: Annotated[
        bool,
        typer.Option("--check", help="try the proved loads again; exit 1 if errors exceed the promise"),
    ] = False,
    results: Annotated[
        Path | None, typer.Option("--results", help="keep the run folders of all steps here")
    ] = None,
) -> None:
    """Find out how well this machine measures, and up to which load.

    A server without a model answers at instants that the kernel stamps; what we measured is held against
    them at growing loads: first streams of 30 events a second, then small requests beside a quarter of
    the streams that held. A load is safe while the p99 error of TTFT, gaps and TPOT stays below 0.5 ms
    and the generator keeps the limits of its verdict. Runs within a safe load are then called `trusted`.

    It takes less than three minutes, on a machine that does nothing else meanwhile: what others used of
    its CPU is told, and a step that failed beside them is tried once more. The result is kept in
    $XDG_DATA_HOME/poolbench/calibration, one file a host, and counts for this CPU, kernel, Python and
    poolbench only.

    bench calibrate; bench preview scenarios/mixed.yaml
    """
    with _folder(results) as folder:
        if check:
            raise typer.Exit(_check_again(folder))
        ladder = _ladder(max_streams, quick=quick)
        steps, ended_early = _climb(ladder, QUICK if quick else WHOLE, folder)
    if steps is None:
        raise typer.Exit(INTERRUPTED)
    found = _calibration(steps, quick=quick, ended_early=ended_early)
    options.console.print(render_calibration(found))
    _keep(found)


def _ladder(max_streams: int, *, quick: bool) -> Ladder:
    if quick:
        return Ladder((min(8, max_streams),), (20,), confirm=False)
    return Ladder(rungs(max_streams), SMALL_REQUESTS_PER_S)


def _climb(ladder: Ladder, span: Span, folder: Path) -> tuple[list[Step] | None, bool]:
    """All steps (None: interrupted), and whether there was no time for more."""
    begun_s, longest_s = time.monotonic(), 0.0
    steps: list[Step] = []
    while (rung := ladder.next(steps)) is not None:
        step_begun_s = time.monotonic()
        if step_begun_s - begun_s + longest_s > BUDGET_S:
            return steps, True
        step = _step(rung, span, steps, folder)
        if step is None:
            return None, True
        steps.append(step)
        longest_s = max(longest_s, time.monotonic() - step_begun_s)
    return steps, False


def _step(rung: Rung, span: Span, before: list[Step], folder: Path) -> Step | None:
    event_us = next((step.engine_us_per_event for step in reversed(before) if step.engine_us_per_event), None)
    streams, small_per_s = rung
    beside = f" and {small_per_s:g} small requests/s" if small_per_s else ""
    options.console.print(f"step {len(before) + 1}: {streams:,} streams{beside} ...")
    with ProgressLine(options.console) as progress:
        step = run_step(rung, span, event_us, folder, lambda line: None if "say" in line else progress(line))
    if step is not None:
        options.console.print(f"  {step_line(step)}", soft_wrap=True)
    return step


def _calibration(steps: list[Step], *, quick: bool, ended_early: bool) -> Calibration:
    return Calibration(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(),
        cores=len(os.sched_getaffinity(0)),
        pinned=cores() != (None, None),
        quick=quick,
        ended_early=ended_early,
        limit_ms=LIMIT_MS,
        steps=tuple(steps),
    )


def _keep(found: Calibration) -> None:
    """Keep it, unless it says less than what is there already."""
    if not found.proved() and any(disturbed(step) for step in found.steps):
        options.console.print("not kept: others disturbed it; try again when the machine is quiet")
        return
    if found.quick and _whole_one_counts(found):
        options.console.print("not kept: a whole calibration of this machine is there")
        return
    options.console.print(f"kept in {keep_calibration(found)}", soft_wrap=True)


def _whole_one_counts(found: Calibration) -> bool:
    try:
        there = read_calibration(found.machine.node)
    except CalibrationError:
        return False
    return there is not None and not there.quick and doubts(there, found.machine) is None


def _check_again(folder: Path) -> int:
    """Try the highest loads that were proved once more; returns the exit code."""
    machine = this_machine()
    kept = read_calibration(machine.node)
    doubt = doubts(kept, machine)
    if kept is None or doubt is not None:
        raise options.UsageError(f"{doubt}: run `bench calibrate` without --check")
    steps: list[Step] = []
    for proved in kept.largest():
        step = _tried_again(proved, steps, QUICK if kept.quick else WHOLE, folder)
        if step is None:
            return INTERRUPTED
        steps.append(step)
    for line in check_lines(kept, steps):
        options.console.print(line, soft_wrap=True)
    return int(not all(map(errors_hold, steps)))


def _tried_again(proved: Step, before: list[Step], span: Span, folder: Path) -> Step | None:
    """A proved load once more, and yet again where others disturbed it and it did not hold."""
    step = _step(proved.asked, span, before, folder)
    if step is None or errors_hold(step) or not disturbed(step):
        return step
    return _step(proved.asked, span, before, folder)


@contextmanager
def _folder(results: Path | None) -> Iterator[Path]:
    if results is not None:
        yield results
        return
    with tempfile.TemporaryDirectory(prefix="bench-calibrate-") as folder:
        yield Path(folder)

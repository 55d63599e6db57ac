"""A simulated gateway that is started anew before each run, which is how a user forces a cold lane."""

import math
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.analyze import LaneStarts, load_starts
from bench.record import RunFolder
from bench.sim.truth import read_truth
from tests.commands.locusts import free_port

BUNDLES = {"Qwen/Qwen3-4B": "sglang", "BAAI/bge-m3": "default"}

SCRIPT = """#!/bin/sh
if [ -f pid ]; then kill "$(cat pid)"; while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.05; done; fi
: > said
seed=$(ls truth-*.msgpack 2>/dev/null | wc -l)
{python} -m bench.sim --port {port} --fleet {fleet} --cold-start-scale {scale} --seed "$seed" {more} \\
    --truth "truth-$BENCH_START.msgpack" </dev/null >said 2>&1 &
echo $! > pid
for try in $(seq 1200); do
    if grep -q url said; then exit 0; fi
    sleep 0.05
done
cat said >&2
exit 1
"""


@contextmanager
def restarted(
    place: Path, scale: float | str, fleet: str = "l4=0..1", before: str = "--before-start", more: str = ""
) -> Iterator[tuple[str, ...]]:
    """The options of a command that make it so; the last gateway ends with the block.

    `scale` of cold starts, or what the shell makes one of; `more` options of the gateway.
    """
    port, script = free_port(), place / "restart.sh"
    script.write_text(SCRIPT.format(python=sys.executable, port=port, fleet=fleet, scale=scale, more=more))
    script.chmod(0o755)
    try:
        yield "--target", f"http://127.0.0.1:{port}", before, "./restart.sh"
    finally:
        if (place / "pid").exists():
            os.kill(int((place / "pid").read_text()), signal.SIGTERM)


def true_delays(place: Path, folder: Path, lane: LaneStarts) -> list[float]:
    """From each start's demand to the instant at which the gateway's worker became ready, in seconds.

    The workers that a lane has before it is started are ready from the gateway's start on.
    """
    return [
        _ready_s(place, folder / one.folder, BUNDLES[lane.model], lane.from_workers) - one.start.demand_s
        for one in lane.starts
    ]


def _ready_s(place: Path, run: Path, bundle: str, number: int) -> float:
    """Of the worker with this number, from 0, since the run's start; the truth log has the same clock."""
    clock = RunFolder(run).info().clock
    assert clock is not None
    _, entries = read_truth(place / f"truth-{run.name}.msgpack")
    ready = [entry for entry in entries if entry.kind == "worker_ready" and entry.lane[1] == bundle]
    return (ready[number].modelled_ns - clock.monotonic_ns) / 1e9


def hold_against_truth(
    place: Path, folder: Path, count: int, within_s: float = math.inf, models: Iterable[str] = BUNDLES
) -> None:
    """Each interval holds the true instant, as do the medians; the curve's is so near to the sample's."""
    lanes = load_starts(folder).lanes
    assert {lane.model: lane.count for lane in lanes} == dict.fromkeys(models, count)
    for lane in lanes:
        truths = true_delays(place, folder, lane)
        for one, truth in zip(lane.starts, truths, strict=True):
            assert one.start.delay_high_s is not None
            assert one.start.delay_low_s < truth <= one.start.delay_high_s
        truth = float(np.median(truths))
        assert lane.curve_median_s is not None
        assert abs(lane.curve_median_s - truth) <= within_s, (lane.curve_median_s, truths)
        assert lane.median.low_s < truth <= (lane.median.high_s or 0)
        print(f"\n{lane.model}: median {lane.curve_median_s:.2f} s of truth {truth:.2f} s, {lane.median}")

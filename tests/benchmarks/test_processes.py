import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.analyze import Run, load, summarise
from bench.record import RunFolder
from tests.benchmarks.batches import WANTED, batches
from tests.benchmarks.neutral import cpu_of
from tests.conftest import Sim
from tests.drive.runs import child, prepared

LEVEL = 0.90
MARGIN = 0.05
MOST_STREAMS = 100

SCENARIO = """
name: one-or-two
duration_s: 20
warmup_s: 3
drain_s: 10
arrivals: {process: poisson, rate_per_s: 20}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, profiles: [a100-40gb], input_tokens: 64,
     output_tokens: 64}
"""


def replayed(path: Path, url: str, processes: int) -> RunFolder:
    """A run of the scenario by so many processes."""
    folder = prepared(path, url, SCENARIO)
    words = [sys.executable, "-m", "bench.drive", str(folder.path), "--processes", str(processes)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return folder


def most_streams(run: Run) -> int:
    """The most requests that were under way at once."""
    rows = run.requests
    instants = np.concatenate([rows["handed_ns"], rows["end_ns"]]).astype(np.int64)
    steps = np.repeat([1, -1], len(rows))[np.argsort(instants, kind="stable")]
    return int(np.cumsum(steps).max())


def interval(ratios: list[float]) -> tuple[float, float]:
    """Where the mean ratio lies, by Student's t on the logarithms."""
    logs = np.log(ratios)
    low, high = stats.t.interval(LEVEL, len(logs) - 1, np.mean(logs), stats.sem(logs))
    return float(np.exp(low)), float(np.exp(high))


@dataclass(frozen=True)
class Gateway:
    """The simulated gateway as a process."""

    pid: int

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return cpu_of(self.pid)


@pytest.mark.timeout(900)
def test_two_processes_measure_what_one_does(sim: Sim, tmp_path: Path) -> None:
    """Alternating pairs: same schedule; 90 % interval of the ratios of both medians within 5 %."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs a core for each process")
    url = sim("--fleet", "a100-40gb=2")

    def pair(number: int) -> dict[str, float]:
        order = (1, 2) if number % 2 == 0 else (2, 1)
        runs = {
            processes: replayed(tmp_path / f"{number}-{processes}", url, processes) for processes in order
        }
        one, two = (load(runs[processes]) for processes in (1, 2))
        assert one.info.schedule["hash"] == two.info.schedule["hash"]
        streams = max(most_streams(run) for run in (one, two))
        assert streams <= MOST_STREAMS
        medians = {
            f"{name} p50 ms of {processes}": (spreads[name].p50.value or math.nan) * 1e3
            for processes, spreads in (
                (1, summarise(one).overall.latencies),
                (2, summarise(two).overall.latencies),
            )
            for name in ("ttft", "tpot")
        }
        return medians | {"most streams": streams}

    counted = batches("one process and two", Gateway(child(os.getpid(), "bench.sim")), pair)
    bounds = {}
    for name in ("ttft", "tpot"):
        bounds[name] = interval(
            [made[f"{name} p50 ms of 2"] / made[f"{name} p50 ms of 1"] for made in counted]
        )
        low, high = bounds[name]
        print(f"{name} p50, two processes / one: {LEVEL:.0%} interval {low:.4f} to {high:.4f}")
    if len(counted) < WANTED:
        pytest.skip(f"only {len(counted)} pairs count: others had the machine in the rest")
    assert all(1 - MARGIN <= low <= high <= 1 + MARGIN for low, high in bounds.values())

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.analyze import load, summarise
from bench.record import RunFolder
from tests.conftest import Sim
from tests.drive.runs import prepared

PAIRS = 5
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


def streams_at_most(folder: RunFolder) -> int:
    """The most requests that were under way at once."""
    rows = load(folder).requests
    instants = np.concatenate([rows["handed_ns"], rows["end_ns"]]).astype(np.int64)
    steps = np.repeat([1, -1], len(rows))[np.argsort(instants, kind="stable")]
    return int(np.cumsum(steps).max())


def interval(ratios: list[float]) -> tuple[float, float]:
    """Where the mean ratio lies, by Student's t on the logarithms."""
    logs = np.log(ratios)
    low, high = stats.t.interval(LEVEL, len(logs) - 1, np.mean(logs), stats.sem(logs))
    return float(np.exp(low)), float(np.exp(high))


@pytest.mark.timeout(900)
def test_two_processes_measure_what_one_does(sim: Sim, tmp_path: Path) -> None:
    """Alternating pairs: same schedule; 90 % interval of the ratios of both medians within 5 %."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs a core for each process")
    url = sim("--fleet", "a100-40gb=2")
    ratios: dict[str, list[float]] = {"ttft": [], "tpot": []}
    for pair in range(PAIRS):
        order = (1, 2) if pair % 2 == 0 else (2, 1)
        runs = {number: replayed(tmp_path / f"{pair}-{number}", url, number) for number in order}
        infos = [folder.info() for folder in runs.values()]
        assert infos[0].schedule["hash"] == infos[1].schedule["hash"]
        streams = {number: streams_at_most(folder) for number, folder in runs.items()}
        assert max(streams.values()) <= MOST_STREAMS
        found = {number: summarise(load(folder)) for number, folder in runs.items()}
        foreign = ", ".join(f"{facts.generator.others_share or 0:.0%}" for facts in found.values())
        print(f"\npair {pair}: {max(streams.values())} streams at most; others had {foreign}", end="")
        for name, taken in ratios.items():
            one, two = (found[number].overall.latencies[name].p50.value or np.nan for number in (1, 2))
            taken.append(two / one)
            print(f"; {name} p50 {one * 1e3:.2f} and {two * 1e3:.2f} ms, ratio {two / one:.4f}", end="")
    bounds = {name: interval(taken) for name, taken in ratios.items()}
    for name, (low, high) in bounds.items():
        print(f"\n{name} p50, two processes / one: {LEVEL:.0%} interval {low:.4f} to {high:.4f}")
    assert all(1 - MARGIN <= low <= high <= 1 + MARGIN for low, high in bounds.values())

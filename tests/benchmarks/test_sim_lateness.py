"""How late the simulated gateway is with what its model has due, by its truth log."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench.commands.processes import drive, serving
from bench.sim.truth import read_truth
from tests.drive.runs import prepared

STREAMS, CHUNKS_PER_S, LIMIT_MS = 300, 20, 10.0
PROFILES = """
profiles:
  twenty: {like: l4, flush_characters: 1, step_overhead_s: 0.013}
"""
SCENARIO = f"""
name: streams
duration_s: 25
drain_s: 40
closed_loop: {{users: {STREAMS}, think_time_s: 0, think: constant}}
classes:
  - {{name: chat, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 64, output_tokens: 700}}
"""


@pytest.mark.timeout(300)
def test_three_hundred_streams_leave_in_time_from_one_core(tmp_path: Path) -> None:
    """Twenty chunks a second each, every token one, on eight workers; the client has a core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    profiles, truth = tmp_path / "profiles.yaml", tmp_path / "truth.msgpack"
    profiles.write_text(PROFILES)
    options = ("--fleet", "twenty/sglang=8", "--profile-file", str(profiles), "--truth", str(truth))
    with serving(options, cores[0]) as url:
        folder = prepared(tmp_path, url, SCENARIO)
        assert drive(folder.path, lambda _: None, core=cores[-1]) == 0
    _, entries = read_truth(truth)
    events = [e for e in entries if e.kind == "event" and e.span is not None and e.after_write_ns is not None]
    begun_ns = max(e.modelled_ns for e in events if e.sequence == 0 and (e.span or 0) < STREAMS)
    full_ns = 15 * 10**9
    steady = [e for e in events if begun_ns <= e.modelled_ns < begun_ns + full_ns]
    late_ms = np.array([(e.after_write_ns or 0) - e.modelled_ns for e in steady]) / 1e6
    rate_per_s = len(steady) / (full_ns / 1e9) / STREAMS
    p50_ms, p99_ms, most_ms = np.quantile(late_ms, [0.5, 0.99, 1.0])
    told = [line["late"] for line in folder.health() if "late" in line][-1]
    print(
        f"{STREAMS} streams at {rate_per_s:.1f} chunks/s each: late by p50 {p50_ms:.2f} ms, "
        f"p99 {p99_ms:.2f} ms, at most {most_ms:.1f} ms; /health said {told}"
    )
    assert rate_per_s > CHUNKS_PER_S
    assert p99_ms < LIMIT_MS

"""Builds judged over real sockets, on pools at half of what they sustain: figures of docs/gate.md."""

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyze.gate import Policy, gate, load_policy, load_rows
from tests.commands.cli import bench
from tests.commands.restarted import restarted
from tests.conftest import Sim

SCENARIO = """
name: live-pairs
duration_s: {duration_s}
warmup_s: {warmup_s}
drain_s: 10
chars_per_token: 4
arrivals: {{process: poisson, rate_per_s: {rate_per_s}}}
classes:
  - name: chat
    operation: chat
    model: Qwen/Qwen3-4B
    profiles: [l4]
    input_tokens: 256
    output_tokens: 48
    slo: {{ttft_ms: 1000, tpot_ms: 60, attainment: 0.95}}
"""
FLEET = ("--fleet", "l4/sglang=2")
SLOWER = "profiles:\n  l4: {memory_efficiency: 0.8, cache_efficiency: 0.755}\n"
"""What a decoding step reads takes a tenth longer (0.88 and 0.83 are what it is)."""

STARTS = '"$([ "$BENCH_ARM" = candidate ] && echo 0.025 || echo 0.01)"'
"""What it takes from asking for a worker to its first answer: 3 s, and 7 s."""

LIMIT_S = 20 * 60


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a policy and a scenario of windows of 20 s."""
    (tmp_path / "policy.yaml").write_text("min_window_s: 20\n")
    _write(tmp_path, duration_s=22, warmup_s=2, rate_per_s=16)
    return tmp_path


def _write(place: Path, **facts: float) -> None:
    (place / "scenario.yaml").write_text(SCENARIO.format(**facts))


@pytest.mark.timeout(1800)
def test_one_build_is_not_called_slower_than_itself(place: Path, sim: Sim) -> None:
    """Twenty pairs in less than twenty minutes; none of the four gates of five pairs each FAILs."""
    began_s = time.monotonic()
    words = ("--policy", "policy.yaml", "--pairs", "20", "--out", "mine")
    said = bench("aa", "scenario.yaml", *words, "--target", sim(*FLEET), cwd=place, limit_s=1700)
    took_s = time.monotonic() - began_s
    print(f"\n{took_s:.0f} s\n{said.out}")
    assert said.code == 0, said.out + said.err
    rows = load_rows(place / "mine", load_policy(place / "policy.yaml"))
    policy = Policy(min_window_s=20, looks=(5,))
    fives = [
        [replace(row, pair=(row.pair - 1) % 5 + 1) for row in rows if (row.pair - 1) // 5 == five]
        for five in range(4)
    ]
    reports = [gate(policy, part) for part in fives]
    for report in reports:
        print(report.sentence)
    words_of = Counter(report.verdict for report in reports)
    assert words_of.total() == 4
    assert words_of["FAIL"] == words_of["INVALID"] == 0
    assert took_s < LIMIT_S


@pytest.mark.timeout(1800)
def test_a_tenth_slower_in_decoding_fails_by_name(place: Path, sim: Sim) -> None:
    """Two gateways, one of which takes a tenth longer for each step: FAIL on tpot within two looks."""
    (place / "slower.yaml").write_text(SLOWER)
    old, new = sim(*FLEET), sim(*FLEET, "--profile-file", str(place / "slower.yaml"))
    words = ("--policy", "policy.yaml", "--out", "mine", "--baseline", old, "--candidate", new)
    said = bench("ab", "scenario.yaml", *words, cwd=place, limit_s=1700)
    print(said.out)
    report = _gate(place)
    assert said.code == 1, said.out + said.err
    assert report["look"]["number"] <= 2
    assert "tpot.p50" in [metric["name"] for metric in report["metrics"] if metric["verdict"] == "FAIL"]


@pytest.mark.timeout(1800)
def test_a_slower_cold_start_fails_nothing_and_is_told(place: Path) -> None:
    """One machine that is deployed anew for each run, from zero: only its start tells the builds apart."""
    _write(place, duration_s=34, warmup_s=14, rate_per_s=12)
    with restarted(place, STARTS, "l4/sglang=0..1", "--before-arm") as gateway:
        words = ("--policy", "policy.yaml", "--out", "mine", *gateway)
        said = bench("ab", "scenario.yaml", *words, cwd=place, limit_s=1700)
    print(said.out)
    report = _gate(place)
    assert said.code in {0, 3}, said.out + said.err
    assert not [metric for metric in report["metrics"] if metric["verdict"] == "FAIL"]
    baseline, candidate = (
        {one["arm"]: one for one in report["starts"]}[arm] for arm in ("baseline", "candidate")
    )
    assert baseline["median_high_s"] < candidate["median_low_s"]
    assert "(told, not judged)" in said.out


def _gate(place: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((place / "mine" / "gate.json").read_text())
    return report

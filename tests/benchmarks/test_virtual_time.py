"""Virtual time: how fast it is as a whole, and how near to the wall clock. Processor time on one core."""

import json
import resource
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.commands.cli import bench
from tests.conftest import ROOT

CHATS = """
name: chats
duration_s: {duration_s}
drain_s: 600
timeouts: {{first_byte_s: 600, token_s: 600, overall_s: 3600}}
arrivals: {{process: poisson, rate_per_s: {rate_per_s}}}
classes:
  - {{name: chat, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 512, output_tokens: 200}}
sim: {{fleet: {fleet}}}
"""
RAG = """
name: rag-day
duration_s: 86400
drain_s: 60
arrivals: {{process: trace, file: {file}, max_input_tokens: 30000}}
classes:
  - {{name: rag, operation: chat, model: Qwen/Qwen3-4B, input_tokens: trace, output_tokens: trace}}
sim: {{fleet: "a100-40gb=1"}}
"""
AGREEMENT = """
name: agreement
duration_s: 60
warmup_s: 0
drain_s: 60
chars_per_token: 4
arrivals: {{process: poisson, rate_per_s: {rate_per_s}}}
classes:
  - {{name: chat, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 512, output_tokens: 100}}
sim: {{fleet: {fleet}, step_jitter: 0}}
"""
TRACE = ROOT.parent / "shared" / "traces" / "ragpulse" / "0_trace.jsonl"
CORE_LIMIT_S, DAY_LIMIT_S = 60.0, 10.0
REL, ABS_S = 0.02, 0.002


def cpu_s() -> float:
    """Processor time of all children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def simulated(folder: Path, text: str) -> tuple[float, int]:
    """Processor seconds of a whole `bench simulate`, and the requests that were served."""
    (folder / "scenario.yaml").write_text(text)
    before_s, began_s = cpu_s(), time.monotonic()
    said = bench("simulate", "scenario.yaml", "--no-report", "--out", "run", cwd=folder, limit_s=1000)
    spent_s = cpu_s() - before_s
    assert said.code == 0, said.err
    books = json.loads((folder / "run" / "run.json").read_text())["books"]
    took_s = time.monotonic() - began_s
    print(f"{books}: {spent_s:.1f} s of processor time, {took_s:.1f} s by the clock")
    return spent_s, int(books["outcomes"]["ok"])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("fleet", "rate_per_s"), [("l4/sglang=8", 20), ("h100/sglang=8", 100)])
def test_a_hundred_thousand_chats_in_a_minute(tmp_path: Path, fleet: str, rate_per_s: int) -> None:
    """512 tokens in and 200 out over eight workers: schedule, model, records, books and summary."""
    text = CHATS.format(duration_s=100_000 / rate_per_s, rate_per_s=rate_per_s, fleet=fleet)
    spent_s, served = simulated(tmp_path, text)
    assert served > 99_000
    assert spent_s < CORE_LIMIT_S


@pytest.mark.skipif(not TRACE.exists(), reason="the RAG trace is not there: ragpulse in ../shared/traces")
def test_a_day_of_rag_in_ten_seconds(tmp_path: Path) -> None:
    """The first day of the trace, as one class of chats on one A100."""
    rows = [json.loads(line) for line in TRACE.read_text().splitlines()]
    start = pd.Timestamp("2026-01-01")
    lines = [
        f"{start + pd.Timedelta(seconds=float(row['timestamp'])):%Y-%m-%d %H:%M:%S},"
        f"{row['input_length']},{row['output_length']}"
        for row in rows
    ]
    file = tmp_path / "rag.csv"
    file.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]) + "\n")
    spent_s, served = simulated(tmp_path, RAG.format(file=file))
    assert served > 500
    assert spent_s < DAY_LIMIT_S


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("fleet", "rate_per_s"), [("l4/sglang=2", 4.0), ("a100-40gb/sglang=1", 9.0)])
def test_virtual_time_agrees_with_the_wall_clock(tmp_path: Path, fleet: str, rate_per_s: float) -> None:
    """At about 30 % load the medians of TTFT and TPOT are within max(2 %, 2 ms) of each other.

    Without the steps' jitter: preflight's request draws from it too, and its seed moves TTFT by 4 ms.
    """
    (tmp_path / "scenario.yaml").write_text(AGREEMENT.format(rate_per_s=rate_per_s, fleet=fleet))
    medians = []
    for command in ("run", "simulate"):
        said = bench(command, "scenario.yaml", "--out", command, cwd=tmp_path, limit_s=300)
        assert said.code == 0, said.err
        medians.append(_medians(tmp_path / command))
    wire, computed = medians
    print(f"{fleet} at {rate_per_s}/s: wall clock {wire}, virtual time {computed} (s: TTFT, TPOT)")
    assert wire == pytest.approx(computed, rel=REL, abs=ABS_S)


def _medians(folder: Path) -> list[float]:
    frame = pq.read_table(folder / "requests.parquet").to_pandas()
    assert set(frame["outcome"]) == {"ok"}
    ttft_s = (frame["first_token_ns"] - frame["scheduled_ns"]) / 1e9
    tpot_s = (frame["last_token_ns"] - frame["first_token_ns"]) / 1e9 / (frame["out_tokens"] - 1)
    return [float(ttft_s.median()), float(tpot_s.median())]

"""How long numbers and pages of long runs take, and how much memory."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.report import write_report
from tests.benchmarks.long_runs import write_long_run

ROWS = 10_000_000
LIMIT_S = 20
LIMIT_MB = 4_000
STREAMED = 1_000_000
PAGE_REQUESTS = 100_000
PAGE_LIMIT_S = 15

SUMMARISE = """
import json, os, resource, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import pyarrow
pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)
from pathlib import Path
from bench.analyze import load, summarise
from bench.record import RunFolder
begun, cpu = time.monotonic(), time.process_time()
summary = summarise(load(RunFolder(Path(sys.argv[1]))))
print(json.dumps({
    "took_s": time.monotonic() - begun,
    "cpu_s": time.process_time() - cpu,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "requests": summary.overall.run.scheduled,
    "gaps": summary.overall.gaps.n if summary.overall.gaps else 0,
}))
"""


def summarised(folder: Path) -> dict[str, float]:
    """What a process of its own, on one core, tells of summarising a run."""
    command = [sys.executable, "-c", SUMMARISE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    told: dict[str, float] = json.loads(done.stdout)
    print(f"\n{told['requests']:,} requests, {told['gaps']:,} gaps: {told['took_s']:.1f} s, of which CPU "
          f"{told['cpu_s']:.1f} s; peak {told['peak_mb']:.0f} MB")  # fmt: skip
    return told


@pytest.mark.timeout(900)
def test_ten_million_requests_are_summarised(tmp_path: Path) -> None:
    """From requests.parquet alone, on one core. The limit is held against CPU time: others may be there."""
    write_long_run(tmp_path / "run", ROWS)
    told = summarised(tmp_path / "run")
    assert told["requests"] == ROWS
    assert told["cpu_s"] < LIMIT_S
    assert told["peak_mb"] < LIMIT_MB


@pytest.mark.timeout(900)
def test_events_are_streamed(tmp_path: Path) -> None:
    """A million requests with 24 million events: a row group at a time."""
    write_long_run(tmp_path / "run", STREAMED, events=True)
    told = summarised(tmp_path / "run")
    assert told["gaps"] > 0
    assert told["peak_mb"] < LIMIT_MB


@pytest.mark.timeout(300)
def test_the_page_of_a_long_run_is_made(tmp_path: Path) -> None:
    """100,000 requests, kernel and browser-ready figures included."""
    folder = write_long_run(tmp_path / "run", PAGE_REQUESTS, events=True)
    begun = time.monotonic()
    page = write_report(folder)
    took_s = time.monotonic() - begun
    print(
        f"\n{PAGE_REQUESTS:,} requests: report.html of {page.stat().st_size / 1e6:.1f} MB in {took_s:.1f} s"
    )
    assert took_s < PAGE_LIMIT_S

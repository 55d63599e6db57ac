"""A neutral server in C on one core, the generator on another, and the truth of both.

The server is built from `../shared/tools/mockllm.c`, which is no part of the project.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.record import RunFolder
from tests.conftest import ROOT
from tests.drive.runs import prepared

SOURCE = ROOT.parent / "shared" / "tools" / "mockllm.c"
SERVER_CORE, OUR_CORE = 0, 1

_RECORD = np.dtype(
    {
        "names": ["id", "t_req", "t_first", "t_last", "tok_off", "ntok", "kind", "xid"],
        "formats": ["u8", "u8", "u8", "u8", "u8", "u4", "u4", "S40"],
    }
)
_HEAD_BYTES = 32

SAMPLE_S = 0.25


@dataclass(frozen=True)
class Neutral:
    """The server while it runs."""

    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def tell(self, path: str) -> None:
        """One of its own controls."""
        httpx.get(f"{self.url}/{path}", timeout=10, trust_env=False)

    def truth(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Its records of streams by the arrival of their requests, and all send instants; monotonic ns."""
        self.tell("__dump")
        raw = self.log.read_bytes()
        count, tokens = (int(n) for n in np.frombuffer(raw, np.uint64, 2, 8))
        records = np.frombuffer(raw, _RECORD, count, _HEAD_BYTES)
        sent = np.frombuffer(raw, np.int64, tokens, _HEAD_BYTES + count * _RECORD.itemsize)
        return np.sort(records[records["kind"] == 1], order="t_req"), sent

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return cpu_of(self.pid)


@dataclass(frozen=True)
class Made:
    """A run of ours: its folder, requests and events, and what it cost."""

    folder: RunFolder
    requests: pd.DataFrame
    events: pd.DataFrame
    told: dict[str, Any]
    start_ns: int
    cpu_s: float
    peak_mb: float
    grown_mb: list[float]
    """Memory every SAMPLE_S, from the process's begin to its end."""


def build(folder: Path) -> Path:
    """Compile the server; skips the test with a sentence where that cannot be done."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not SOURCE.exists():
        pytest.skip("the neutral server is not there: mockllm.c in ../shared/tools")
    if compiler is None:
        pytest.skip("there is no C compiler to build the neutral server with")
    if not {SERVER_CORE, OUR_CORE} <= os.sched_getaffinity(0):
        pytest.skip("needs two cores, one for the server and one for the generator")
    subprocess.run([compiler, "-O2", "-o", folder / "mockllm", SOURCE], check=True)
    return folder / "mockllm"


@contextmanager
def serving(binary: Path, **settings: int) -> Iterator[Neutral]:
    """The server on its core, with settings of its own, as long as the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    log = binary.with_name(f"truth-{port}.bin")
    process = subprocess.Popen(pinned([str(binary), "--port", str(port), "--log", str(log)], SERVER_CORE))
    try:
        server = Neutral(port, process.pid, log)
        _wait_for(server)
        server.tell("__cfg?" + "&".join(f"{name}={value}" for name, value in settings.items()))
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(server: Neutral) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the neutral server did not start")


def pinned(words: Sequence[str], core: int) -> list[str]:
    """A command on one core."""
    return ["taskset", "-c", str(core), *words]


def generate(path: Path, url: str, scenario: str, *changes: str, watched: bool = False) -> Made:
    """A run of ours on its core, from the schedule to the books; `watched` with the clock after each read."""
    folder = prepared(path, url, scenario, *changes)
    words = [sys.executable, "-m", "tests.benchmarks.generator", str(folder.path)]
    process = subprocess.Popen(
        pinned([*words, "--watched"] if watched else words, OUR_CORE), stdout=subprocess.DEVNULL
    )
    grown_mb, peak_mb = [], 0.0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        now_mb, most_mb = _resident_mb(process.pid)
        grown_mb.append(now_mb)
        peak_mb = max(peak_mb, most_mb)
        time.sleep(SAMPLE_S)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return _made(folder, used.ru_utime + used.ru_stime, peak_mb, grown_mb)


def _resident_mb(pid: int) -> tuple[float, float]:
    """Now, and the most so far; of a child, wait4 tells the most of its parent where that was more."""
    said = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = {line.split(":")[0]: line.split()[1] for line in said.splitlines() if line.startswith("Vm")}
    return int(found.get("VmRSS", 0)) * 1024 / 1e6, int(found.get("VmHWM", 0)) * 1024 / 1e6


def _made(folder: RunFolder, cpu_s: float, peak_mb: float, grown_mb: list[float]) -> Made:
    info = folder.info()
    assert info.books is not None
    assert info.books.balanced
    assert info.clock is not None
    events = pq.read_table(folder.events_file).to_pandas().set_index("index")
    return Made(
        folder,
        pq.read_table(folder.requests_file).to_pandas(),
        events,
        info.generator,
        info.clock.monotonic_ns,
        cpu_s,
        peak_mb,
        grown_mb,
    )


def cpu_of(pid: int) -> float:
    """CPU seconds of a living process."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


Instants = npt.NDArray[np.int64]
Milliseconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """What we measured less what the server knows, in ms; absolute values.

    `read_*`: the same by the clock after each read, of a run that was watched.
    """

    ttft: Milliseconds
    gaps: Milliseconds
    read_ttft: Milliseconds
    read_gaps: Milliseconds


def errors(made: Made, server: Neutral) -> Errors:
    """Requests are matched by their order: that in which they left us is that in which they arrived."""
    records, truth = server.truth()
    ours = made.requests.sort_values("sent_ns")
    assert len(ours) == len(records)
    sent = ours["sent_ns"].to_numpy() + made.start_ns
    ends = records["tok_off"].astype(np.int64) + records["ntok"].astype(np.int64)
    true = [truth[begin:end] for begin, end in zip(records["tok_off"].astype(np.int64), ends, strict=True)]
    first = (records["t_first"] - records["t_req"]).astype(np.int64)
    stamped = [np.array(made.events.loc[index, "event_ns"]) + made.start_ns for index in ours["index"]]
    read = _read(made, stamped)
    return Errors(
        *_off(stamped, ours["first_token_ns"].to_numpy() + made.start_ns - sent - first, true),
        *_off(read, np.array([instants[0] for instants in read]) - sent - first, true),
    )


def _off(
    events: list[Instants], ttft_ns: Instants, true: list[Instants]
) -> tuple[Milliseconds, Milliseconds]:
    gaps_ns = [np.diff(ours) - np.diff(theirs) for ours, theirs in zip(events, true, strict=True)]
    return np.abs(ttft_ns) / 1e6, np.abs(np.concatenate(gaps_ns)) / 1e6


def _read(made: Made, stamped: list[Instants]) -> list[Instants]:
    """For each stamp the clock after its read."""
    stamps, clocks = np.load(made.folder.path / "reads.npy").T
    order = np.argsort(stamps, kind="stable")
    return [clocks[order][np.searchsorted(stamps[order], instants)] for instants in stamped]


def p99(values: Any) -> float:
    """The 99th percentile."""
    return float(np.percentile(values, 99))

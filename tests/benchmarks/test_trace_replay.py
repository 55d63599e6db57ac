"""Five minutes of the Azure conversation trace at speed 5, against the embedded gateway."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest

from tests.commands.cli import SCENARIOS, bench
from tests.conftest import ROOT

TRACE = ROOT.parent / "shared" / "traces" / "azure-2023" / "AzureLLMInferenceTrace_conv.csv"
SPEED = 5
MINUTES = 5


def offsets_ns() -> npt.NDArray[np.int64]:
    """The trace's own instants since its first line, read without any of our code."""
    rows = TRACE.read_text().splitlines()[1:]
    stamps = np.array([row.split(",")[0].replace(" ", "T") for row in rows], dtype="datetime64[ns]").astype(
        np.int64
    )
    since = stamps - stamps[0]
    kept: npt.NDArray[np.int64] = since[since < MINUTES * 60 * 10**9]
    return kept


@pytest.mark.skipif(not TRACE.exists(), reason=f"the trace is not there: {TRACE.name} in ../shared/traces")
def test_bins_of_the_replay_are_those_of_the_trace(tmp_path: Path) -> None:
    """Scheduled counts per second equal the trace's; sent counts per five seconds are within 1 %."""
    said = bench(
        "run", SCENARIOS / "trace.yaml", "--set", f"arrivals.file={TRACE}", "--out", "run", cwd=tmp_path
    )
    assert said.code == 0, said.err
    print(said.out)
    columns = pq.read_table(tmp_path / "run" / "requests.parquet", columns=["scheduled_ns", "first_sent_ns"])
    scheduled, sent = (columns[name].to_numpy() for name in ("scheduled_ns", "first_sent_ns"))
    traced = np.bincount(offsets_ns() // (SPEED * 10**9), minlength=60)
    assert (np.bincount(scheduled // 10**9, minlength=60) == traced).all()
    per_five = traced.reshape(12, 5).sum(axis=1)
    assert np.bincount((sent // (5 * 10**9)).astype(int), minlength=12)[:12] == pytest.approx(
        per_five, rel=0.01
    )

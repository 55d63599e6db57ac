"""Runs of the past: where each belongs, and which of a folder's runs count."""

from pathlib import Path

from bench.analyze import load
from bench.analyze.gate import row_of
from bench.analyze.history import setting_of
from bench.record import TargetSaid
from tests.analyze.runs import MS, S, streamed, write_run

REAL = TargetSaid(kind="sie", url="http://host:1", live_workers={"l4": 2})
WIRED = REAL.model_copy(update={"simulated": True})
VIRTUAL = WIRED.model_copy(update={"virtual": True})


def machine(path: Path, target: TargetSaid) -> str:
    """The machine of a short run on this target."""
    rows = [streamed(i, 20 * S + i, [100 * MS, 109 * MS], 2) for i in range(20)]
    run = load(write_run(path, rows, target=target, host={"node": "here"}))
    return setting_of(run, row_of(run, 1, "candidate", 0)).machine


def test_real_simulated_and_virtual_runs_have_histories_of_their_own(tmp_path: Path) -> None:
    """The same fleet from the same host, thrice: a model's time is no machine's."""
    found = [machine(tmp_path / str(i), target) for i, target in enumerate((REAL, WIRED, VIRTUAL))]
    assert found == [
        "l4, load from here",
        "l4 (simulated), load from here",
        "l4 (simulated, virtual time), load from here",
    ]

"""`python -m tests.benchmarks.generator RUN_FOLDER`: the drive without its look at the target.

The neutral server knows nothing of gateways, health and models; everything from schedule to books is the
drive's own. Each read's kernel stamp and the clock after it go to `reads.npy`, for comparison.
"""

import sys
from array import array
from pathlib import Path

import numpy as np

from bench.drive import pool
from bench.drive.__main__ import replay
from bench.drive.connection import Connection
from bench.drive.control import endpoint_of
from bench.drive.session import Plan
from bench.record import SCHEDULE, RunFolder
from bench.scenario import Scenario
from bench.workload import Texts, make_schedule


class _Watched(Connection):
    """Notes stamp and clock of each read."""

    reads = array("q")

    def receive(self) -> tuple[bytes, int, int, bool]:
        """As its own, and noted."""
        data, stamp_ns, read_ns, by_kernel = super().receive()
        self.reads.extend((stamp_ns, read_ns))
        return data, stamp_ns, read_ns, by_kernel


def main(path: Path, *, watched: bool) -> int:
    """Replay the scenario in the folder; returns the drive's exit code."""
    if watched:
        pool.Connection = _Watched  # type: ignore[attr-defined]
    code = _replay(path)
    if watched:
        np.save(path / "reads.npy", np.frombuffer(_Watched.reads, np.int64).reshape(-1, 2))
    return code


def _replay(path: Path) -> int:
    folder = RunFolder(path)
    info = folder.info()
    scenario = Scenario.model_validate(info.scenario, strict=False)
    schedule = make_schedule(scenario)
    folder.write_long_schedule(part.select(SCHEDULE.names).cast(SCHEDULE) for part in schedule.tables())
    texts = Texts(scenario.seeds.texts, {})
    return replay(Plan(folder, info.run_id, scenario, schedule, texts, endpoint_of(scenario.target)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), watched="--watched" in sys.argv[2:]))

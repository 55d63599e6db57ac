"""`python -m tests.benchmarks.generator RUN_FOLDER`: the drive without its look at the target.

The neutral server knows nothing of gateways, health and models; everything from schedule to books is the
drive's own.
"""

import sys
from pathlib import Path

from bench.drive.__main__ import replay
from bench.drive.control import endpoint_of
from bench.drive.session import Plan
from bench.record import SCHEDULE, RunFolder
from bench.scenario import Scenario
from bench.workload import Texts, make_schedule


def main(path: Path) -> int:
    """Replay the scenario in the folder; returns the drive's exit code."""
    folder = RunFolder(path)
    info = folder.info()
    scenario = Scenario.model_validate(info.scenario, strict=False)
    schedule = make_schedule(scenario)
    folder.write_long_schedule(part.select(SCHEDULE.names).cast(SCHEDULE) for part in schedule.tables())
    texts = Texts(scenario.seeds.texts, {})
    return replay(Plan(folder, info.run_id, scenario, schedule, texts, endpoint_of(scenario.target)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

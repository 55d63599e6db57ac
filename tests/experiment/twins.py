"""Profiles whose ratio is known: twice as fast in everything, and the same under another name."""

import uuid
from collections.abc import Sequence
from pathlib import Path

from bench.analyze.profiles import Design, ProfileRun, Searched, load_profile_runs
from bench.experiment import Job, Length, profile_runs, run_all
from bench.record import RunFolder, RunInfo
from bench.scenario import load
from bench.virtual import write_run
from tests.commands.cli import SCENARIOS

CHECK = SCENARIOS / "capacity-check.yaml"
REQUESTS = 300
CONFIRMED_PER_S = 37.0

# Each rate of the L4 doubled and each of its times halved, so that time itself runs twice as fast.
PROFILES = """
profiles:
  same: {like: l4}
  twice:
    like: l4
    flops: 242.0e12
    bandwidth_bytes_per_s: 600.0e9
    step_overhead_s: 0.6e-3
    sequence_overhead_s: 1.5e-5
    front_end_serial_s: 0.75e-3
    front_end_base_s: 4.0e-3
    flush_s: 0.025
    batch_overhead_s: 1.5e-3
    item_overhead_s: 7.5e-6
    batch_wait_s: 7.5e-3
"""


def searched(name: str, confirmed_per_s: float) -> Searched:
    """A profile as if it had been searched; no run stands behind it."""
    return Searched(
        profile=name,
        folder=Path(),
        attainment=0.95,
        slo="",
        confirmed_per_s=confirmed_per_s,
        estimate_per_s=None,
        refuted_per_s=1.02 * confirmed_per_s,
        replicas=1,
        runs=(),
    )


def twins() -> Design:
    """The L4 as reference, the same again, and one twice as fast; all at 70 %, and at the rate of the L4."""
    rates = {"l4": CONFIRMED_PER_S, "same": CONFIRMED_PER_S, "twice": 2 * CONFIRMED_PER_S}
    found = {name: searched(name, rate) for name, rate in rates.items()}
    return Design(found, "l4", 0.7, 0.7 * CONFIRMED_PER_S)


def made(folder: Path, design: Design, pairs: int, seed: int) -> Sequence[ProfileRun]:
    """The runs of a comparison in virtual time, of about 300 requests each."""
    folder.mkdir(parents=True)
    (folder / "profiles.yaml").write_text(PROFILES)

    def make(job: Job, path: Path) -> bool:
        own = (f"sim.profile_file={folder / 'profiles.yaml'}", f"sim.fleet={job.profile}=1")
        changes = (*own, f"classes.chat.profiles=[{job.profile}]", *job.overrides)
        path.mkdir()
        asked = load(CHECK, changes).model_dump(mode="json")
        write_run(RunFolder(path), RunInfo(run_id=uuid.uuid4().hex, created="", scenario=asked))
        return True

    run_all(folder, profile_runs(design, pairs, seed, Length(REQUESTS, 4.0)), make)
    return load_profile_runs(folder, dict.fromkeys(design.searched, 1))

"""Virtual time says what the same scenario hears over real sockets."""

from pathlib import Path

import pandas as pd
import pytest

from bench.record import FIELDS
from bench.scenario import load
from bench.virtual import setup_of, simulate
from bench.workload import make_schedule
from tests.conftest import Sim
from tests.drive.runs import FOUR_KINDS, drive, prepared

OLD, NEW = "0.4", "0.10"
SPECIAL = (
    "{name: spare, operation: chat, model: Qwen/Qwen3-4B, pool: lab, input_tokens: 40, output_tokens: 9}"
)
ALL_KINDS = f"""{FOUR_KINDS}
  - {SPECIAL}
  - {{name: long, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 32767, output_tokens: 9}}
  - {{name: huge, operation: generate, model: Qwen/Qwen3-4B, input_tokens: 9, output_tokens: 9000}}
  - {{name: greedy, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 9, output_tokens: 9000}}
  - {{name: vast, operation: completion, model: Qwen/Qwen3-4B, input_tokens: 9, output_tokens: 9000,
     stream_usage: false}}
  - {{name: embed, operation: embed, model: BAAI/bge-m3, input_tokens: 40, batch_size: 2}}
"""
SLOW = """
name: slow
duration_s: 6
drain_s: 40
arrivals: {process: constant, rate_per_s: 0.5}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 4000, output_tokens: 8}
  - {name: encode, operation: encode, model: BAAI/bge-m3, input_tokens: 500, batch_size: 4}
"""
SLOWEST = """
profiles:
  slow: {like: l4, step_overhead_s: 1.0, batch_overhead_s: 1.5, admission_budget_tokens: 0}
"""
FATE = [
    "traffic_class",
    "outcome",
    "reason",
    "status",
    "error_code",
    "finish_reason",
    "out_tokens",
    "items_returned",
]


def virtual(text: str, path: Path, *changes: str) -> pd.DataFrame:
    """The same requests in virtual time."""
    path.write_text(text)
    scenario = load(path, changes)
    ended = sorted(simulate(make_schedule(scenario), setup_of(scenario.sim)), key=lambda e: e.record.index)
    return pd.DataFrame([{name: getattr(e.record, name) for name in FIELDS} for e in ended])


def fates(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """What became of each class, as words."""
    told = frame[FATE].astype(object)
    words = told.where(told.notna(), None).map(lambda v: str(int(v)) if isinstance(v, float) else str(v))
    return sorted(set(words.itertuples(index=False, name=None)))


@pytest.mark.parametrize("dialect", [OLD, NEW])
@pytest.mark.parametrize("fleet", ["a100-40gb=1,lab:l4=0", "a100-40gb=0,lab:l4=0"])
def test_fates_are_those_of_the_wire(tmp_path: Path, sim: Sim, dialect: str, fleet: str) -> None:
    """Every operation, warm and cold, a queue without readers, and requests that ask for too much."""
    url = sim("--dialect", dialect, "--fleet", fleet)
    short = (
        "duration_s=1.5",
        "chars_per_token=4",
        "classes.long.input_tokens=32767",
        "arrivals.rate_per_s=30",
    )
    wire = drive(prepared(tmp_path, url, ALL_KINDS, *short))
    changes = (f"sim.fleet={fleet}", f"sim.dialect='{dialect}'", *short)
    assert fates(virtual(ALL_KINDS, tmp_path / "virtual.yaml", *changes)) == fates(wire)


def test_what_is_unfinished_says_the_same_in_both(tmp_path: Path, sim: Sim) -> None:
    """The drain limit finds streams whose headers are there, and other replies of which nothing is."""
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(SLOWEST)
    url = sim("--fleet", "slow=1", "--profile-file", str(profiles))
    short = ("duration_s=4", "drain_s=0.1", "chars_per_token=4", "classes.chat.output_tokens=50")
    wire = drive(prepared(tmp_path, url, SLOW, *short))
    changes = ("sim.fleet=slow=1", f"sim.profile_file={profiles}", *short)
    computed = virtual(SLOW, tmp_path / "virtual.yaml", *changes)
    assert fates(wire) == fates(computed)
    assert set(computed["outcome"]) == {"unfinished"}
    assert list(wire["headers_ns"].isna()) == list(computed["headers_ns"].isna())


def test_injected_seconds_are_the_same_in_both(tmp_path: Path, sim: Sim) -> None:
    """A machine whose every step takes a second: first tokens and ends come within 5 % of virtual time."""
    profiles = tmp_path / "profiles.yaml"
    profiles.write_text(SLOWEST)
    url = sim("--fleet", "slow=1", "--profile-file", str(profiles), "--step-jitter", "0")
    wire = drive(prepared(tmp_path, url, SLOW, "chars_per_token=4"))
    changes = ("sim.fleet=slow=1", f"sim.profile_file={profiles}", "sim.step_jitter=0")
    computed = virtual(SLOW, tmp_path / "virtual.yaml", *changes)
    assert list(wire["scheduled_ns"]) == list(computed["scheduled_ns"])
    for instant in ("first_token_ns", "end_ns"):
        took, should = ((f[instant] - f["scheduled_ns"]).dropna() / 1e9 for f in (wire, computed))
        assert should.min() > 1
        assert list(took) == pytest.approx(list(should), rel=0.05)

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.commands.cli import SCENARIOS, bench, interrupted

SHORT = ("--set", "duration_s=30", "--set", "warmup_s=5")


def test_a_run_in_virtual_time_is_an_ordinary_folder(tmp_path: Path) -> None:
    """Every later stage reads it, and says that it was simulated, in virtual time."""
    said = bench(
        "simulate",
        SCENARIOS / "mixed.yaml",
        "--fleet",
        "l4=4,a100-40gb=1",
        *SHORT,
        "--out",
        "a",
        cwd=tmp_path,
    )
    assert said.code == 0, said.err
    assert "SIMULATED, VIRTUAL TIME (fleet l4=4,a100-40gb=1, seed 1)" in said.out
    facts = json.loads((tmp_path / "a" / "run.json").read_text())
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert (facts["state"], facts["target"]["simulated"], facts["target"]["virtual"]) == (
        "complete",
        True,
        True,
    )
    assert (summary["run"]["virtual"], summary["verdict"]["judgement"]) == (True, "trusted")
    assert facts["books"]["scheduled"] == sum(facts["books"]["outcomes"].values()) > 500
    assert facts["target"]["live_workers"] == {"l4": 8, "a100-40gb": 2}
    assert set(pq.read_table(tmp_path / "a" / "requests.parquet")["stamp_source"].to_pylist()) == {"virtual"}
    assert len((tmp_path / "a" / "health.jsonl").read_text().splitlines()) >= 30
    assert "SIMULATED, VIRTUAL TIME" in (tmp_path / "a" / "report.html").read_text()
    bench(
        "simulate", SCENARIOS / "mixed.yaml", "--no-report", "--seed", "2", *SHORT, "--out", "b", cwd=tmp_path
    )
    assert not (tmp_path / "b" / "report.html").exists()
    for command in (("summary", "a"), ("export", "a"), ("compare", "a", "b")):
        told = bench(*command, cwd=tmp_path)
        assert told.code == 0, told.err
    assert len(pd.read_csv(tmp_path / "a" / "requests.csv")) == facts["books"]["scheduled"]


def test_check_exits_with_one_where_an_slo_is_missed(tmp_path: Path) -> None:
    """As for a run over the wire."""
    slow = ("--set", "classes.chat.slo.ttft_ms=1", "--no-report")
    said = bench("simulate", SCENARIOS / "smoke.yaml", *slow, "--check", "--out", "run", cwd=tmp_path)
    assert said.code == 1
    assert "SLO MISSED" in said.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--fleet", "l5=1"), "unknown profile 'l5'"),
        (("--set", "sim.fault_plan={plan}"), "faults need the wire"),
        (("--set", "sim.step_jitter=2"), "less than or equal to 1"),
        (("--set", "sim.profile_file=no-such.yaml"), "no-such.yaml"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_folder(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, what was wrong, and nothing on disk."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("[]\n")
    given = [word.replace("{plan}", str(plan)) for word in words]
    said = bench("simulate", SCENARIOS / "smoke.yaml", *given, "--out", "run", cwd=tmp_path)
    assert said.code == 2, said
    assert sentence in said.err
    assert not (tmp_path / "run").exists()


def test_an_interrupt_leaves_a_complete_folder(tmp_path: Path) -> None:
    """Ctrl-C half way: what ended is kept, the books balance, the state says so, and the code is 130."""
    long = ("--set", "duration_s=6000", "--set", "arrivals.rate_per_s=10", "--no-report")
    words = ("simulate", SCENARIOS / "mixed.yaml", *long, "--out", "run")
    said = interrupted(*words, cwd=tmp_path, when=lambda out: "virtual s" in out)
    assert said.code == 130, said.err
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    outcomes = facts["books"]["outcomes"]
    assert facts["state"] == "interrupted"
    assert facts["books"]["scheduled"] == sum(outcomes.values())
    assert outcomes["ok"] > 1000
    assert outcomes["not_sent"] > 0

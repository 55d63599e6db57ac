"""From run folders to rows: each number where it belongs, and why one is missing."""

from pathlib import Path

import pytest

from bench.analyze import AnalysisError, load
from bench.analyze.gate import Absent, Clause, declared, gate, load_rows, row_of, settled
from bench.record import Outcome
from tests.analyze.pair_folders import POLICY, write_experiment
from tests.analyze.runs import MS, S, lost, mixed_run, streamed, write_run


def test_a_row_has_the_numbers_of_the_run_and_of_each_class(tmp_path: Path) -> None:
    """By name; what a class cannot have is impossible, what too few requests tell is not."""
    values = row_of(load(mixed_run(tmp_path / "run")), 1, "baseline", 0).values
    assert isinstance(values["ttft.p50"], float)
    assert isinstance(values["chat:tpot.p50"], float)
    impossible = values["encode:ttft.p50"]
    assert isinstance(impossible, Absent)
    assert impossible.impossible
    few = values["score:e2e.p95"]
    assert isinstance(few, Absent)
    assert not few.impossible
    assert "too few for p95, which needs 200" in few.why


def test_clauses_count_requests_that_never_ended_as_late(tmp_path: Path) -> None:
    """Of four, two are fast, one slow, one timed out: half keep the limit; one of four is an error."""
    rows = [streamed(i, 20 * S + i, [ms * MS, (ms + 9) * MS], 2) for i, ms in enumerate((100, 200, 900))]
    rows.append(lost(3, 20 * S + 3, Outcome.TIMED_OUT))
    clauses = (Clause(metric="ttft.p95", limit=0.5), Clause(metric="error_rate", limit=0.1),
               Clause(metric="attainment", limit=0.9))  # fmt: skip
    row = row_of(load(write_run(tmp_path / "run", rows)), 1, "candidate", 0, clauses)
    assert row.within == {"ttft.p95 <= 0.5": 0.5, "error_rate <= 0.1": 0.75, "attainment >= 0.9": 0.5}


def test_the_runs_of_an_experiment_are_told_apart(tmp_path: Path) -> None:
    """Pair, arm, place in time, workload; the same scenario whatever the seeds."""
    planned = write_experiment(tmp_path / "ab", made=2)
    rows = load_rows(tmp_path / "ab", POLICY)
    assert [(r.pair, r.arm, r.place) for r in rows] == [
        (job.pair, job.arm, i) for i, job in enumerate(planned.runs[:4])
    ]
    assert [r.workload for r in rows] == ["hash-1", "hash-1", "hash-2", "hash-2"]
    assert len({r.scenario for r in rows}) == 1
    assert all(r.faults == () for r in rows), [r.faults for r in rows]
    assert declared(tmp_path / "ab") == POLICY


def test_the_end_is_known_when_a_look_decides(tmp_path: Path) -> None:
    """After two pairs nothing is, after three the gate passes."""
    write_experiment(tmp_path / "two", made=2)
    write_experiment(tmp_path / "three", made=3)
    assert not settled(POLICY, load_rows(tmp_path / "two", POLICY))
    assert settled(POLICY, load_rows(tmp_path / "three", POLICY))
    assert gate(POLICY, load_rows(tmp_path / "three", POLICY)).verdict == "PASS"


def test_what_no_pair_can_mend_ends_an_experiment_at_once(tmp_path: Path) -> None:
    """After the first pair the machines differ: more of the same would only cost time."""
    write_experiment(tmp_path / "ab", made=1, host={"node": "there"})
    assert settled(POLICY, load_rows(tmp_path / "ab", POLICY))
    assert not settled(POLICY, [])


def test_an_experiment_without_a_policy_is_one_sentence(tmp_path: Path) -> None:
    """Damaged experiment files are no traceback."""
    write_experiment(tmp_path / "ab", made=1)
    file = tmp_path / "ab" / "experiment.json"
    file.write_text(file.read_text().replace('"looks"', '"lucks"'))
    with pytest.raises(AnalysisError, match="holds no policy that can be read"):
        declared(tmp_path / "ab")
    file.write_text("{")
    with pytest.raises(AnalysisError, match="not readable as an experiment: Invalid JSON"):
        load_rows(tmp_path / "ab", POLICY)

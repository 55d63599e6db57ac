"""The absolute limits of a gate, beside its comparison."""

from dataclasses import replace

import pytest

from bench.analyze.gate import Clause, Policy, gate
from tests.analyze.quiet_pairs import POLICY, TTFT, made


@pytest.mark.parametrize(("kept", "verdict"), [(0.999, "PASS"), (0.97, "FAIL")])
def test_an_absolute_limit_is_kept_or_refuted(kept: float, verdict: str) -> None:
    """One per cent of errors at most: three per cent refute it, though the baseline is as bad."""
    rows = [replace(r, within={"error_rate <= 0.01": kept + 0.0001 * r.pair}) for r in made()]
    assert gate(POLICY, rows).verdict == verdict


def test_a_limit_that_nothing_shows_is_open() -> None:
    """No request could show it, so it is not kept."""
    clause = Clause(metric="ttft.p95", limit=0.5)
    rows = [replace(r, within={clause.name: None}) for r in made()]
    report = gate(Policy(metrics=(TTFT,), slo=(clause,)), rows)
    assert report.verdict == "INCONCLUSIVE"
    assert "10 of 10 runs could not show it" in report.sentence


def test_errors_of_the_candidate_fail_even_where_its_runs_are_invalid() -> None:
    """A build that breaks must not hide behind runs that it made invalid."""
    rows = [
        replace(
            r, within={"error_rate <= 0.01": 0.9}, faults=("V7 10.00% of the requests were not answered",)
        )
        if r.arm == "candidate"
        else r
        for r in made()
    ]
    report = gate(POLICY, rows)
    assert (report.verdict, report.exit_code) == ("FAIL", 1)
    assert report.sentence.startswith("FAIL: error_rate <= 0.01: kept by 90.00%")

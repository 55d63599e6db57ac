"""Cold starts beside the verdict."""

from dataclasses import replace

import numpy as np

from bench.analyze import Provisioning
from bench.analyze.gate import Policy, Watched, gate
from tests.analyze.experiments import drawn

POLICY = Policy(metrics=(Watched(metric="tpot.p50", margin=0.05),))


def start(low_s: float, high_s: float | None) -> Provisioning:
    """A lane that came up so long after its first refusal."""
    return Provisioning(
        pool=None,
        model="m",
        profile="l4",
        demand_s=1.0,
        refusals=3,
        delay_low_s=low_s,
        delay_high_s=high_s,
        still_cold=high_s is None,
        registered=None,
        loaded=None,
        doubt=None,
    )


def test_a_slower_cold_start_is_told_and_not_judged() -> None:
    """Per arm the lane, its starts and their median, beside a verdict that they have no part in."""
    ends: dict[str, list[float | None]] = {"baseline": [3, 4, 5], "candidate": [6, None, None]}
    rows = drawn(np.random.default_rng(1), {"tpot.p50": 0.0}, spread=0.02)
    for arm, starts in ends.items():
        for pair, end in enumerate(starts, start=1):
            seen = (start((end or 9) - 0.5, end),)
            rows = [replace(r, starts=seen) if (r.pair, r.arm) == (pair, arm) else r for r in rows]
    report = gate(POLICY, rows)
    assert report.verdict == "PASS"
    found = {told.arm: told for told in report.starts}
    assert (found["baseline"].median_low_s, found["baseline"].median_high_s) == (3.5, 4.0)
    assert (found["candidate"].median_low_s, found["candidate"].median_high_s) == (8.5, None)
    assert (found["baseline"].count, found["candidate"].still_cold) == (3, 2)
    assert (
        "m on l4 started from cold in 3 runs; the median start took 3.5 s to 4.0 s"
        in found["baseline"].sentence
    )
    assert "2 still cold at the end; the median start took 8.5 s to the end of the run or more" in (
        found["candidate"].sentence
    )

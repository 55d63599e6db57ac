"""What the gate refuses or leaves out, each with its sentence, and what it notes beside a verdict."""

from dataclasses import replace

import numpy as np
import pytest

from bench.analyze.gate import Policy, PolicyError, RunRow, Watched, gate
from tests.analyze.experiments import drawn, row
from tests.analyze.quiet_pairs import POLICY, SOUND, TPOT, TTFT, changed, made


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "there is no run: nothing was measured"),
        (made(pairs=4), "4 complete pairs are too few: the first look is at 5"),
        ([r for r in SOUND if (r.pair, r.arm) != (2, "candidate")], "pair 2 has no candidate run"),
        ([*SOUND, SOUND[0]], "pair 1 has 2 baseline runs; it must have one"),
        (changed(SOUND, 3, "candidate", workload="other"), "pair 3 compares different workloads"),
        (changed(SOUND, 3, "candidate", workload=None), "pair 3 compares different workloads"),
        (changed(SOUND, 3, "candidate", scenario="other"), "the pairs replay different scenarios"),
        (changed(SOUND, 3, "candidate", host="there"), "the load came from different machines: here, there"),
        (changed(SOUND, 3, "candidate", version="2"), "the candidate changed between runs"),
        (
            changed(changed(SOUND, 3, "candidate", fleet={"l4": 3}), 3, "baseline", fleet={"l4": 2}),
            "pair 3 ran on different fleets: l4=2 and l4=3",
        ),
        (changed(SOUND, 3, "candidate", window_s=60.0), "the window of pair-3-candidate is 60 s"),
        (changed(SOUND, 3, "candidate", tokens_source="estimate"), "tokens are counted by other means"),
        ([replace(r, out_tokens=100 if r.arm == "baseline" else 97) for r in SOUND], "3.0% shorter"),
        (
            [replace(r, faults=("V9 the median latency rose",)) if r.pair < 3 else r for r in SOUND],
            "baseline run pair-1-baseline: V9 the median latency rose",
        ),
        (made(pairs=5)[:-1], "4 complete pairs are too few"),
    ],
)
def test_what_is_no_experiment_is_refused(rows: list[RunRow], sentence: str) -> None:
    """Its reason in a sentence, INVALID, exit code 4; never a pass."""
    report = gate(POLICY, rows)
    assert (report.verdict, report.exit_code, report.metrics) == ("INVALID", 4, ())
    assert any(sentence in reason for reason in report.reasons), report.reasons


def test_one_invalid_pair_may_be_left_out_and_is_named() -> None:
    """The next ones take its place; with two the experiment is refused, lest only good ones remain."""
    report = gate(POLICY, changed(SOUND, 2, "candidate", faults=("V12 a lane was cold",)))
    assert report.verdict == "PASS"
    assert report.look is not None
    assert report.look.pairs == (1, 3, 4, 5, 6)
    assert [(one.pair, one.reasons) for one in report.left_out] == [
        (2, ("candidate run pair-2-candidate: V12 a lane was cold",))
    ]


def test_the_last_pair_may_be_half_done() -> None:
    """An experiment that is still going on is looked at as far as it is whole."""
    assert gate(POLICY, [*made(pairs=5), row(6, "baseline", {})]).verdict == "PASS"


@pytest.mark.parametrize(("confirmed", "verdict"), [(10.0, "PASS"), (6.0, "PASS"), (5.0, "INVALID")])
def test_load_near_the_confirmed_rate_is_refused(confirmed: float, verdict: str) -> None:
    """5 requests a second are 50 %, 83 %, and 100 % of what is confirmed."""
    rows = [replace(r, rate_per_s=5.0) for r in SOUND]
    report = gate(Policy(metrics=(TTFT, TPOT), confirmed_rate_per_s=confirmed), rows)
    assert report.verdict == verdict
    assert any("83%" in note for note in report.notes) == (confirmed == 6.0)


def test_an_unknown_load_and_the_window_are_said() -> None:
    """What the verdict rests on stands beside it."""
    notes = gate(POLICY, [replace(r, window_s=130.0) for r in SOUND]).notes
    assert any("load relative to capacity unknown" in note for note in notes)
    assert any("every window is 130 s or longer; the policy asks for 120 s" in note for note in notes)


def test_a_class_that_no_run_has_is_bad_usage() -> None:
    """Exit code 2, as for an unknown metric."""
    watched = Watched(metric="ttft.p50", traffic_class="chat", margin=0.1)
    with pytest.raises(PolicyError, match="no run has the traffic class chat"):
        gate(Policy(metrics=(watched,)), SOUND)


def test_a_second_run_that_always_gains_is_told() -> None:
    """Whoever runs second is 8 % faster: a cache leaks."""
    rows = [
        replace(r, values={k: v * (0.92 if r.place % 2 else 1.0) for k, v in r.values.items()})  # type: ignore[operator]
        for r in drawn(np.random.default_rng(4), {"ttft.p95": 0.0, "tpot.p50": 0.0}, spread=0.005)
    ]
    wide = Policy(metrics=(TTFT, TPOT), looks=(10,))
    assert any("who ran second" in note for note in gate(wide, rows).notes)
    assert not any("who ran second" in note for note in gate(wide, SOUND).notes)

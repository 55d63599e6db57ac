"""The gate on small tables: what passes, what fails, and what is neither."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.analyze.gate import ARMS, Absent, Policy, RunRow, Watched, gate
from tests.analyze.experiments import drawn, row
from tests.analyze.quiet_pairs import POLICY, SOUND, TPOT, TTFT, by_name, changed, made


def test_equal_builds_pass_at_the_first_look() -> None:
    """Five pairs are enough where the noise is small; the others are not looked at."""
    report = gate(POLICY, made())
    assert (report.verdict, report.exit_code) == ("PASS", 0)
    assert report.look is not None
    assert report.look.pairs == (1, 2, 3, 4, 5)
    assert any("5 pairs after that look were not looked at" in note for note in report.notes)


def test_a_slower_build_fails_on_the_metric_by_name() -> None:
    """TPOT is 12 % worse, TTFT is not: the sentence has the numbers."""
    report = gate(POLICY, made(tpot_p50=0.12))
    assert (report.verdict, report.exit_code) == ("FAIL", 1)
    assert by_name(report) == {"ttft.p95": "PASS", "tpot.p50": "FAIL"}
    assert report.sentence.startswith("FAIL: tpot.p50 +1")
    assert "margin 5 %" in report.sentence
    assert "5 pairs" in report.sentence


def test_a_faster_build_passes() -> None:
    """Better is never worse."""
    assert gate(POLICY, made(tpot_p50=-0.3, ttft_p95=-0.3)).verdict == "PASS"


def test_a_lower_rate_is_worse() -> None:
    """Where higher is better the sign is turned, and the change is told as a loss."""
    policy = Policy(metrics=(Watched(metric="output_tokens_rate", margin=0.05),))
    report = gate(policy, drawn(np.random.default_rng(2), {"output_tokens_rate": -0.12}, spread=0.01))
    assert report.verdict == "FAIL"
    assert report.metrics[0].change == pytest.approx(0.12, abs=0.02)


def test_noise_is_neither_pass_nor_fail() -> None:
    """With a spread of 30 % no five pairs say anything; the report says how many would."""
    report = gate(POLICY, drawn(np.random.default_rng(3), {"ttft.p95": 0.05, "tpot.p50": 0.0}, spread=0.3))
    assert (report.verdict, report.exit_code) == ("INCONCLUSIVE", 3)
    assert report.look is not None
    assert report.look.number == 2
    assert "last look" in report.next_step
    assert all(m.pairs_needed is None or m.pairs_needed > 10 for m in report.metrics)
    assert all((m.visible_change or 0) > 0.2 for m in report.metrics)


def test_between_two_looks_the_next_one_is_named() -> None:
    """Seven pairs: looked at five, go on to ten."""
    report = gate(POLICY, drawn(np.random.default_rng(3), {"ttft.p95": 0.05, "tpot.p50": 0.0}, 0.3, pairs=7))
    assert report.look is not None
    assert len(report.look.pairs) == 5
    assert report.next_step == "go on to the next look, at 10 valid pairs"


@pytest.mark.parametrize(("word", "code"), [("report", 3), ("pass", 0), ("fail", 1)])
def test_undecided_may_count_as_either_and_is_recorded(word: Any, code: int) -> None:
    """The verdict stays INCONCLUSIVE, only the exit code follows the policy."""
    policy = Policy(metrics=(TTFT,), inconclusive=word)
    report = gate(policy, drawn(np.random.default_rng(3), {"ttft.p95": 0.05}, spread=0.3))
    assert (report.verdict, report.exit_code) == ("INCONCLUSIVE", code)
    assert report.policy.inconclusive == word


def test_a_metric_may_stay_undecided_where_the_policy_says_so() -> None:
    """The others decide; a policy in which none has to does not pass by itself."""
    spared = Watched(metric="ttft.p95", margin=0.1, may_be_inconclusive=True)
    rows = [
        replace(one, values=dict(one.values) | {"tpot.p50": other.values["tpot.p50"]})
        for one, other in zip(
            drawn(np.random.default_rng(3), {"ttft.p95": 0.05}, spread=0.3), made(), strict=True
        )
    ]
    assert gate(Policy(metrics=(spared, TPOT)), rows).verdict == "PASS"
    assert gate(Policy(metrics=(spared,)), rows).verdict == "INCONCLUSIVE"


def test_a_watched_metric_never_fails_the_gate() -> None:
    """It is reported, with its own verdict."""
    policy = Policy(metrics=(TTFT, Watched(metric="tpot.p50", margin=0.05, role="watch")))
    report = gate(policy, made(tpot_p50=0.5))
    assert report.verdict == "PASS"
    assert by_name(report)["tpot.p50"] == "FAIL"


def test_shares_are_compared_in_points() -> None:
    """Errors go from 0 to 2 % in each pair: worse by more than half a point."""
    policy = Policy(metrics=(Watched(metric="error_rate", margin=0.005),), slo=())

    def rows(candidate: float) -> list[RunRow]:
        return [
            row(n, arm, {"error_rate": candidate * (arm == "candidate")}) for n in range(1, 6) for arm in ARMS
        ]

    assert gate(policy, rows(0.02)).verdict == "FAIL"
    assert gate(policy, rows(0.0)).verdict == "PASS"


def test_a_missing_number_is_never_a_pass() -> None:
    """A p95 that one run cannot tell leaves the metric undecided; one that no run can have does not apply."""
    few = Absent("80 requests are too few for p95, which needs 200")
    rows = changed(SOUND, 1, "candidate", values={"ttft.p95": few, "tpot.p50": 1.0})
    assert by_name(gate(POLICY, rows))["ttft.p95"] == "INCONCLUSIVE"
    none = Absent("no request can have it", impossible=True)
    rows = [replace(r, values=dict(r.values) | {"ttft.p95": none}) for r in SOUND]
    assert gate(POLICY, rows).verdict == "PASS"
    assert by_name(gate(POLICY, rows))["ttft.p95"] == "NOT_APPLICABLE"
    rows = [replace(r, values=dict.fromkeys(("ttft.p95", "tpot.p50"), none)) for r in SOUND]
    assert (gate(POLICY, rows).verdict, gate(POLICY, rows).exit_code) == ("INVALID", 4)


def test_one_arm_that_lacks_a_metric_wholly_is_no_pass() -> None:
    """A candidate that stopped streaming has no TTFT, and that does not make TTFT inapplicable."""
    none = Absent("no request can have it", impossible=True)
    rows = [
        replace(r, values=dict(r.values) | {"ttft.p95": none}) if r.arm == "candidate" else r for r in SOUND
    ]
    assert by_name(gate(POLICY, rows))["ttft.p95"] == "INCONCLUSIVE"


def test_each_number_beside_the_verdict_is_what_it_says() -> None:
    """Medians, spread, extremes without one pair, and the differences themselves."""
    policy = Policy(metrics=(TTFT,), looks=(3,))
    ratios = [1.0, 1.02, 1.04]
    rows = [
        row(n, arm, {"ttft.p95": 2.0 * (ratio if arm == "candidate" else 1)})
        for n, ratio in enumerate(ratios, 1)
        for arm in ARMS
    ]
    (found,) = gate(policy, rows).metrics
    d = np.log(ratios)
    assert (found.baseline, found.candidate) == (2.0, 2.04)
    assert found.differences == pytest.approx(d)
    assert found.spread == pytest.approx(np.std(d, ddof=1))
    assert found.change == pytest.approx(np.expm1(d.mean()))
    assert found.without_one_low == pytest.approx(np.expm1(d[:2].mean()))
    assert found.without_one_high == pytest.approx(np.expm1(d[1:].mean()))
    assert found.confidence == pytest.approx(0.9)

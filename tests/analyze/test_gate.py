"""The gate on small tables: what passes, what fails, what is refused, each with its sentence."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.analyze.gate import ARMS, Absent, Clause, GateReport, Policy, PolicyError, RunRow, Watched, gate
from tests.analyze.experiments import drawn, queued, row

TTFT = Watched(metric="ttft.p95", margin=0.10)
TPOT = Watched(metric="tpot.p50", margin=0.05)
POLICY = Policy(metrics=(TTFT, TPOT))


def made(seed: int = 1, pairs: int = 10, **shifts: float) -> list[RunRow]:
    """An experiment of ten quiet pairs; shifts by metric with `_` for the dot."""
    names = {
        name.replace("_", "."): shift for name, shift in ({"ttft_p95": 0.0, "tpot_p50": 0.0} | shifts).items()
    }
    return drawn(np.random.default_rng(seed), names, spread=0.02, pairs=pairs)


def changed(rows: list[RunRow], pair: int, arm: str, **facts: Any) -> list[RunRow]:
    """The same rows with one of them changed."""
    return [replace(r, **facts) if (r.pair, r.arm) == (pair, arm) else r for r in rows]


def by_name(report: GateReport) -> dict[str, str]:
    """The verdict of each metric."""
    return {metric.name: metric.verdict for metric in report.metrics}


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


# --- absolute limits ---


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


# --- refusals ---

SOUND = made()


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


def test_a_class_that_no_run_has_is_bad_usage() -> None:
    """Exit code 2, as for an unknown metric."""
    watched = Watched(metric="ttft.p50", traffic_class="chat", margin=0.1)
    with pytest.raises(PolicyError, match="no run has the traffic class chat"):
        gate(Policy(metrics=(watched,)), SOUND)


# --- robustness ---


def test_a_second_run_that_always_gains_is_told() -> None:
    """Whoever runs second is 8 % faster: a cache leaks."""
    rows = [
        replace(r, values={k: v * (0.92 if r.place % 2 else 1.0) for k, v in r.values.items()})  # type: ignore[operator]
        for r in drawn(np.random.default_rng(4), {"ttft.p95": 0.0, "tpot.p50": 0.0}, spread=0.005)
    ]
    wide = Policy(metrics=(TTFT, TPOT), looks=(10,))
    assert any("who ran second" in note for note in gate(wide, rows).notes)
    assert not any("who ran second" in note for note in gate(wide, SOUND).notes)


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


QUEUED = Policy(
    metrics=tuple(
        Watched(metric=f"{name}.{level}", margin=margin)
        for name in ("ttft", "e2e")
        for level, margin in (("p50", 0.05), ("p95", 0.10))
    )
)


@pytest.mark.parametrize(
    ("shift", "facts", "least", "most"),
    [
        (0.0, {"pairs": 5}, 0, 0),
        (0.0, {"run_spread": 0.04}, 0, 1),
        (0.0, {"outliers": 0.05}, 0, 1),
        (0.0, {"heavy": True}, 0, 1),
        (0.10, {"pairs": 5}, 22, 25),
        (0.10, {"run_spread": 0.04}, 21, 25),
    ],
    ids=["T1", "T2 noise", "T2 odd runs", "T2 heavy tails", "T3", "T4 noise"],
)
def test_small_versions_of_the_known_truths(
    shift: float, facts: dict[str, Any], least: int, most: int
) -> None:
    """T1 to T4: of 25 experiments on the queue, how many FAIL; none that is 10 % slower passes."""
    random = np.random.default_rng(16)
    words = [gate(QUEUED, queued(random, shift, **facts)).verdict for _ in range(25)]
    assert least <= words.count("FAIL") <= most
    assert shift == 0 or words.count("PASS") == 0


def test_a_build_that_is_worse_by_the_margin_hardly_passes() -> None:
    """T5: of 150 experiments at the margin exactly, 7 % pass at most (and a few by chance more)."""
    random = np.random.default_rng(17)
    policy = Policy(metrics=(TPOT,))
    words = [gate(policy, drawn(random, {"tpot.p50": 0.05}, spread=0.03)).verdict for _ in range(150)]
    assert words.count("PASS") <= 16

"""Runs against a stored baseline: the verdicts, what is refused, and the bounds against scipy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.analyze.baseline import Baseline, baselines_of
from bench.analyze.gate import Absent, GateReport, Policy, RunRow, Watched
from bench.analyze.historical import gate_historical, welch
from bench.analyze.latency import LEVELS
from bench.analyze.run import AnalysisError
from tests.analyze.experiments import row
from tests.analyze.pasts import ONE_METRIC, SETTING, nights, noisy, past_run


def kept(n: int = 10, **facts: Any) -> Baseline:
    """A baseline of `n` runs with a spread of 2 %."""
    values = noisy(np.random.default_rng(21), n)
    runs = [past_run(i, {"ttft.p50": float(value)}, **facts) for i, value in enumerate(values)]
    return Baseline(set_at="2026-11-24T01:00:00Z", setting=SETTING, runs=tuple(runs))


def candidates(shift: float = 0.0, n: int = 6, **facts: Any) -> list[RunRow]:
    """Runs of a candidate that is slower by this share."""
    values = noisy(np.random.default_rng(22), n) * (1 + shift)
    base: dict[str, Any] = {"out_tokens": 64.0, "tokens_source": "usage"}
    return [row(i + 1, "candidate", {"ttft.p50": float(v)}, **(base | facts)) for i, v in enumerate(values)]


def judged(rows: list[RunRow], policy: Policy = ONE_METRIC, baseline: Baseline | None = None) -> GateReport:
    """The verdict."""
    return gate_historical(policy, baseline or kept(), rows)


@pytest.mark.parametrize(
    ("shift", "verdict", "code"),
    [(0.0, "PASS", 0), (-0.2, "PASS", 0), (0.15, "FAIL", 1), (0.05, "INCONCLUSIVE", 3)],
)
def test_the_verdict_is_that_of_the_shift(shift: float, verdict: str, code: int) -> None:
    """Equal and faster pass, slower fails, the margin itself is undecided; the mode and the age are said."""
    report = judged(candidates(shift))
    assert (report.verdict, report.exit_code, report.mode) == (verdict, code, "historical")
    assert any("10 runs of a baseline set at 2026-11-24" in note for note in report.notes)
    assert "6 runs against a stored baseline" in report.metrics[0].sentence


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "there is no run: nothing was measured"),
        (candidates(n=4), "4 valid runs are too few: 5 are needed"),
        (candidates(window_s=60.0), "below min_window_s 120"),
        (candidates(out_tokens=60.0), "the candidate's answers are 6.2% shorter"),
        (candidates(tokens_source="estimate"), "tokens are counted by other means"),
        (candidates(faults=("V7 5 % failed",)), "V7 5 % failed"),
        (
            [row(1, "candidate", {"ttft.p50": 1.0}, folder="copied", run_id="id-3")] * 5,
            "copied: a run of the baseline itself",
        ),
    ],
)
def test_what_cannot_be_judged_is_invalid(rows: list[RunRow], sentence: str) -> None:
    """Each with its sentence and exit code 4."""
    report = judged(rows)
    assert (report.verdict, report.exit_code) == ("INVALID", 4)
    assert any(sentence in reason for reason in report.reasons), report.reasons


def test_errors_of_the_candidate_fail_even_where_its_runs_are_invalid() -> None:
    """Half of all requests fail: no noise explains that."""
    report = judged(candidates(faults=("V7 half failed",), within={"error_rate <= 0.01": 0.5}))
    assert (report.verdict, report.exit_code) == ("FAIL", 1)


def test_a_missing_number_is_never_a_pass() -> None:
    """One run that lacks the metric leaves it undecided."""
    rows = candidates()
    rows[2] = row(
        3, "candidate", {"ttft.p50": Absent("too few requests")}, out_tokens=64.0, tokens_source="usage"
    )
    assert judged(rows).verdict == "INCONCLUSIVE"
    assert (
        judged(
            candidates(), baseline=kept(10).model_copy(update={"runs": tuple(nights([1.0] * 5, "e2e.p50"))})
        ).verdict
        == "INCONCLUSIVE"
    )


def test_a_run_of_the_same_name_is_no_run_of_the_baseline() -> None:
    """`pair-1-candidate` is in every experiment."""
    assert judged(candidates(folder="run-003", run_id="other")).verdict == "PASS"


IMPOSSIBLE = Absent("no request can have it", impossible=True)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([0.0] * 6, [IMPOSSIBLE] * 6, "INCONCLUSIVE"),
        ([None] * 6, [0.0] * 5 + [IMPOSSIBLE], "INCONCLUSIVE"),
        ([None] * 6, [IMPOSSIBLE] * 6, "NOT_APPLICABLE"),
        ([0.0] * 6, [0.0] * 6, "PASS"),
    ],
    ids=["only before", "in some runs", "never", "always"],
)
def test_only_what_no_run_can_have_does_not_apply(
    before: list[float | None], after: list[Any], verdict: str
) -> None:
    """A baseline without an error is one with a number, and one odd run does not settle it for all."""
    policy = Policy(metrics=(Watched(metric="error_rate", margin=0.005),))
    runs = tuple(past_run(i, {"error_rate": value}) for i, value in enumerate(before))
    rows = [
        row(i, "candidate", {"error_rate": value}, tokens_source="usage") for i, value in enumerate(after)
    ]
    (found,) = judged(rows, policy, kept().model_copy(update={"runs": runs})).metrics
    assert found.verdict == verdict


@pytest.mark.parametrize(("requests", "verdict"), [(12, "INCONCLUSIVE"), (1000, "PASS")])
def test_no_error_in_a_few_requests_is_no_proof(requests: int, verdict: str) -> None:
    """Five runs of 12 requests cannot show half a point; five of 1,000 can."""
    policy = Policy(metrics=(Watched(metric="error_rate", margin=0.005),))
    runs = tuple(past_run(i, {"error_rate": 0.0}, requests=requests) for i in range(5))
    rows = [
        row(i, "candidate", {"error_rate": 0.0}, requests=requests, tokens_source="usage") for i in range(5)
    ]
    (found,) = judged(rows, policy, kept().model_copy(update={"runs": runs})).metrics
    assert found.verdict == verdict


def test_a_baseline_that_moved_itself_is_told() -> None:
    """Ten runs before a step and ten after it are no baseline."""
    values = noisy(np.random.default_rng(23), 20)
    values[10:] *= 1.3
    moved = kept().model_copy(update={"runs": tuple(nights(values))})
    assert any(
        "the baseline itself moved: confirmed: ttft.p50 worse" in n
        for n in judged(candidates(), baseline=moved).notes
    )


def test_runs_too_few_to_show_anything_say_so() -> None:
    """Five and five part in 126 ways: over fifteen metrics none of them is rare enough."""
    names = [f"{name}.{level}" for name in ("ttft", "e2e", "tpot", "ntpot", "ttfv") for level in LEVELS]
    policy = Policy(metrics=tuple(Watched(metric=name, margin=0.05) for name in names))
    assert any(
        "so few runs can show nothing" in note for note in judged(candidates(n=5), policy, kept(5)).notes
    )


def test_equal_builds_rarely_fail_and_slower_ones_do() -> None:
    """Forty experiments each, ten runs against ten: at most 5 % and at least 90 %."""
    random = np.random.default_rng(24)

    def fails(shift: float) -> float:
        words = []
        for _ in range(40):
            base = kept().model_copy(update={"runs": tuple(nights(noisy(random, 10)))})
            values = noisy(random, 10) * (1 + shift)
            rows = [
                row(i + 1, "candidate", {"ttft.p50": float(v)}, tokens_source="usage")
                for i, v in enumerate(values)
            ]
            words.append(judged(rows, baseline=base).verdict)
        return words.count("FAIL") / len(words)

    assert fails(0.0) <= 0.05
    assert fails(0.10) >= 0.9


SIDES = st.lists(st.integers(-1000, 1000), min_size=3, max_size=10).filter(lambda x: len(set(x)) > 1)


@given(SIDES, SIDES)
def test_the_bounds_are_welchs(first: list[int], second: list[int]) -> None:
    """Those of scipy's t test without equal variances."""
    before, after = (np.array(side, dtype=np.float64) for side in (first, second))
    both = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.90)
    assert welch(before, after, 0.05) == pytest.approx((both.low, both.high))


def test_a_baseline_needs_five_sound_runs_of_one_setting() -> None:
    """Four are refused, an invalid one is named, two settings make two baselines."""
    runs = nights([1.0] * 12)
    with pytest.raises(AnalysisError, match="4 runs are too few for a baseline"):
        baselines_of(runs[:4], "now")
    broken = [*runs[:6], runs[6].model_copy(update={"faults": ("V7 5 % failed",)})]
    with pytest.raises(AnalysisError, match="run-006: V7 5 % failed"):
        baselines_of(broken, "now")
    other = SETTING.model_copy(update={"machine": "a100, load from here"})
    both = [*runs[:6], *(one.model_copy(update={"setting": other}) for one in runs[6:])]
    assert sorted(len(one.runs) for one in baselines_of(both, "now")) == [6, 6]

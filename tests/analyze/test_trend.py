"""What of many histories is new and worse, and when nothing can be told."""

from typing import Any

import numpy as np
import pytest

from bench.analyze.changes import best_split
from bench.analyze.gate import Policy, PolicyError, Watched
from bench.analyze.history import PastRun, RunLeftOut
from bench.analyze.trend import threshold, trend_of
from tests.analyze.pasts import ONE_METRIC, SETTING, nights, noisy, only, past_run


def test_machines_and_workloads_have_histories_of_their_own() -> None:
    """An A100 that is twice as fast is no improvement of the build."""
    other = SETTING.model_copy(update={"machine": "a100, load from here"})
    values = noisy(np.random.default_rng(9), 30)
    runs = nights(values) + [
        one.model_copy(update={"setting": other, "values": {"ttft.p50": (one.values["ttft.p50"] or 0.0) / 2}})
        for one in nights(values)
    ]
    report = trend_of(ONE_METRIC, runs)
    assert [len(one.points) for one in report.series] == [30, 30]
    assert all(one.changes == () for one in report.series)


def test_invalid_runs_are_no_part_of_it_and_are_named() -> None:
    """Each with its reasons."""
    runs = nights(noisy(np.random.default_rng(10), 12))
    runs[3] = runs[3].model_copy(update={"faults": ("V7 3 % of the requests failed",)})
    report = trend_of(ONE_METRIC, runs)
    assert [(one.folder, one.reasons) for one in report.left_out] == [
        ("run-003", ("V7 3 % of the requests failed",))
    ]
    assert len(only(report).points) == report.runs == 11


def stepped(after: int, factor: float = 1.2) -> list[PastRun]:
    """Twenty nights, and `after` that are slower."""
    return nights(
        noisy(np.random.default_rng(11), 20 + after) * np.where(np.arange(20 + after) < 20, 1, factor)
    )


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        (stepped(6), 1),
        (stepped(3), 3),
        (stepped(15), 0),
        (stepped(6, 0.8), 0),
        (nights([1.0] * 30), 0),
        (nights([1.0] * 5), 3),
        ([], 3),
    ],
    ids=["confirmed", "suspected", "long ago", "better", "flat", "too few", "nothing"],
)
def test_strict_exits_by_what_is_new_and_worse(runs: list[PastRun], code: int) -> None:
    """1 confirmed, 3 suspected or nothing to tell, 0 otherwise; without --strict always 0."""
    assert trend_of(ONE_METRIC, runs, strict=True).exit_code == code
    assert trend_of(ONE_METRIC, runs).exit_code == 0


def again(first: int, n: int, factor: float) -> list[PastRun]:
    """Slower by a fifth from the twentieth night of `n` on, and by this factor more from another on."""
    at = np.arange(n)
    levels = np.where(at < 20, 1, 1.2) * np.where(at < first, 1, factor)
    return nights(noisy(np.random.default_rng(11), n) * levels)


@pytest.mark.parametrize(
    ("runs", "code", "new"),
    [
        (again(27, 30, 1.3), 1, ["b20", "b27"]),
        (again(25, 30, 1 / 1.1), 1, ["b20"]),
        (again(25, 30, 1 / 1.2), 0, []),
        (again(30, 45, 1 / 1.2), 0, []),
    ],
    ids=["worse again", "better by half", "mended", "mended long ago"],
)
def test_every_new_change_is_judged_unless_it_was_mended(
    runs: list[PastRun], code: int, new: list[str]
) -> None:
    """What came after a confirmed worsening hides it only where it took it back."""
    report = trend_of(ONE_METRIC, runs, strict=True)
    assert ([one.build for one in report.new], report.exit_code) == (new, code)


BOTH = Policy(metrics=(*ONE_METRIC.metrics, Watched(metric="tpot.p50", margin=0.05)))


@pytest.mark.parametrize(
    ("last", "code", "sentence"),
    [
        ({}, 0, None),
        ({"faults": ("V7 5 % failed",)}, 3, "the newest run run-011 was left out: V7 5 % failed"),
        ({"values": {"ttft.p50": 1.0}}, 3, "the newest run run-011 lacks tpot.p50"),
        ({"values": {"ttft.p50": 1.0, "tpot.p50": 0.0}}, 3, "the newest run run-011 lacks tpot.p50"),
        ({"values": {"ttft.p50": 1.0, "tpot.p50": None}}, 0, None),
    ],
    ids=["whole", "left out", "lacks a metric", "no ratio", "a metric that cannot be"],
)
def test_strict_is_no_pass_where_the_newest_run_was_not_judged(
    last: dict[str, Any], code: int, sentence: str | None
) -> None:
    """No data is never a pass; what the workload cannot have is no data that lacks."""
    runs = [past_run(i, {"ttft.p50": 1.0, "tpot.p50": 1.0}) for i in range(12)]
    runs[-1] = runs[-1].model_copy(update=last)
    report = trend_of(BOTH, runs, strict=True)
    assert (report.exit_code, report.unjudged) == (code, (sentence,) if sentence else ())


@pytest.mark.parametrize(
    ("created", "code"), [(None, 3), ("2026-03-01T01:00:00Z", 3), ("2026-01-03T01:00:00Z", 0)]
)
def test_a_run_that_cannot_be_read_counts_where_it_may_be_the_newest(created: str | None, code: int) -> None:
    """A crash last night, or nobody knows when, is no pass; one of long ago is only named."""
    crashed = RunLeftOut(folder="crashed", reasons=("no requests.parquet",), created=created)
    report = trend_of(ONE_METRIC, nights([1.0] * 12), strict=True, unreadable=[crashed])
    assert report.exit_code == code


def test_a_class_that_no_run_has_is_bad_usage() -> None:
    """A typo in the policy is not a history without changes."""
    policy = Policy(metrics=(Watched(metric="ttft.p50", margin=0.05, traffic_class="chatt"),))
    with pytest.raises(PolicyError, match="no run has the traffic class chatt"):
        trend_of(policy, nights([1.0] * 8))


def test_many_histories_do_not_cry_wolf_together() -> None:
    """Forty metrics that never moved: one threshold over all of them, and no change."""
    random = np.random.default_rng(12)
    p_values = [found.p for found in (best_split(noisy(random, 20), random) for _ in range(40)) if found]
    assert min(p_values) < 0.05
    assert threshold(p_values, 0.05) == 0

from pathlib import Path
from typing import Any

import pytest

from bench.analyze import check, load, summarise
from bench.record import Outcome
from tests.analyze.runs import CHAT, ENCODE, MS, S, Streamed, lost, record, scenario, streamed, write_run

AT = 20 * S
GOOD = [100 * MS, 130 * MS]


def verdicts(tmp_path: Path, rows: list[Streamed], **changes: Any) -> list[str]:
    """The SLOs that a run missed, as sentences."""
    plan = scenario(**changes)
    return [str(miss) for miss in check(summarise(load(write_run(tmp_path / "run", rows, plan))), plan)]


@pytest.mark.parametrize(
    ("event_ms", "tokens", "facts", "good"),
    [
        ([100, 130], 2, {}, True),
        ([500, 550], 2, {}, True),
        ([501, 530], 2, {}, False),
        ([100, 151], 2, {}, False),
        ([100], 1, {"finish_reason": "stop"}, True),
        ([100], 1, {"finish_reason": "length"}, True),
        ([100], 1, {"finish_reason": None}, False),
        ([100, 130], None, {}, False),
    ],
)
def test_a_clause_is_kept_missed_or_skipped(
    tmp_path: Path, event_ms: list[int], tokens: int | None, facts: dict[str, Any], good: bool
) -> None:
    """Limits are inclusive; an undefined metric is skipped only where the request cannot have it."""
    row = streamed(0, AT, [at * MS for at in event_ms], tokens, **facts)
    part = summarise(load(write_run(tmp_path / "run", [row]))).overall
    assert part.attainment == (1.0 if good else 0.0)


def test_failures_are_in_the_denominator(tmp_path: Path) -> None:
    """Three good of four offered is 75 %, and goodput counts the good ones per second."""
    rows = [*(streamed(i, AT, GOOD, 2) for i in range(3)), lost(3, AT, Outcome.REFUSED)]
    part = summarise(load(write_run(tmp_path / "run", rows))).overall
    assert part.attainment == 0.75
    assert part.goodput == pytest.approx(3 / 50)


def test_classes_without_slo_have_no_attainment(tmp_path: Path) -> None:
    """They are not counted as good, nor as bad, in the run's attainment."""
    free = {key: value for key, value in CHAT.items() if key != "slo"} | {"name": "free"}
    rows = [streamed(0, AT, GOOD, 2), streamed(1, AT, [900 * MS, 1900 * MS], 2, traffic_class="free")]
    summary = summarise(load(write_run(tmp_path / "run", rows, scenario([CHAT, free]))))
    assert [part.attainment for part in summary.classes] == [1.0, None]
    assert summary.overall.attainment == 1.0


def test_check_is_silent_when_all_is_met(tmp_path: Path) -> None:
    """Every SLO met: nothing to say, exit code 0."""
    assert verdicts(tmp_path, [streamed(i, AT + i, GOOD, 2) for i in range(10)]) == []


def test_check_names_the_missed_slo_with_numbers(tmp_path: Path) -> None:
    """The sentence holds the class, the share, the target and which limit was broken how often."""
    slow = [streamed(i, AT + i, [600 * MS, 630 * MS], 2) for i in range(5)]
    fast = [streamed(i, AT + i, GOOD, 2) for i in range(5, 10)]
    assert verdicts(tmp_path, slow + fast) == [
        "chat: attainment 50.00% is below 95.00%: of 10 requests 5 above ttft 500 ms"
    ]


def test_check_limits_the_error_rate(tmp_path: Path) -> None:
    """Errors beyond the limit are a miss even where attainment is met."""
    rows = [
        *(streamed(i, AT + i, GOOD, 2) for i in range(98)),
        *(lost(i, AT, Outcome.FAILED) for i in (98, 99)),
    ]
    assert verdicts(tmp_path, rows) == ["error rate 2.00% is above 1.00%: 2 of 100 requests did not end well"]
    assert verdicts(tmp_path / "loose", rows, max_error_rate=0.02) == []


def test_no_data_is_a_miss(tmp_path: Path) -> None:
    """A run without requests in its window passes nothing; a class without requests neither."""
    assert len(verdicts(tmp_path, [streamed(0, 1 * S, GOOD, 2)])) == 2
    rows = [streamed(0, AT, GOOD, 2)]
    assert verdicts(tmp_path / "class", rows, classes=[CHAT, ENCODE]) == [
        "encode: no request was due in the window, so no SLO is shown to be met"
    ]


def test_e2e_limits_what_does_not_stream(tmp_path: Path) -> None:
    """An encode's only limit is on its whole duration."""
    facts = {"traffic_class": "encode", "operation": "encode", "stream": False}
    rows: list[Streamed] = [
        (record(i, AT, end_ns=AT + ms * MS, **facts), [], []) for i, ms in enumerate((300, 301))
    ]
    summary = summarise(load(write_run(tmp_path / "run", rows, scenario([ENCODE]))))
    assert summary.classes[0].attainment == 0.5
    assert summary.classes[0].slo is not None
    assert summary.classes[0].slo.missed == {"e2e": 1}

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyze import load, summarise
from bench.record import Attempt, Outcome
from tests.analyze.runs import MS, S, lost, scenario, streamed, write_run


def warned(path: Path, outcomes: Iterable[Outcome], live: Mapping[str, int]) -> tuple[str, ...]:
    """The warnings of a run that asked for a100-40gb while so many workers were alive."""
    rows = [
        streamed(i, 10 * S + i * S, [50 * MS, 70 * MS], 2, profile="a100-40gb")
        if outcome == Outcome.OK
        else lost(i, 10 * S + i * S, outcome, profile="a100-40gb")
        for i, outcome in enumerate(outcomes)
    ]
    health: list[dict[str, Any]] = [{"t_ns": t * S, "live": live} for t in range(60)]
    return summarise(load(write_run(path / "run", rows, scenario(), health))).run.warnings


def test_answers_from_another_profile_than_the_one_asked_for_are_told(tmp_path: Path) -> None:
    """Only l4 was alive, so whoever answered for a100-40gb was an l4."""
    (warning,) = warned(tmp_path, [Outcome.OK] * 5, {"l4": 2})
    assert "only l4 was alive: 5 requests were answered by the wrong profile" in warning


def test_a_live_worker_of_the_profile_that_cannot_serve_the_model_is_no_server_of_it(tmp_path: Path) -> None:
    """The a100 of the other bundle was alive, but only the l4 had the model."""
    rows = [streamed(i, 10 * S + i * S, [50 * MS, 70 * MS], 2, profile="a100-40gb") for i in range(4)]
    line = {"live": {"l4": 1, "a100-40gb": 1}, "serving": {"qwen3-4b": {"l4": 1}}}
    summary = summarise(load(write_run(tmp_path / "run", rows, scenario(), at_each_second(line))))
    assert "only l4 was alive: 4 requests" in summary.run.warnings[0]
    assert summary.lanes[0].per_worker is None


def test_rates_are_divided_by_the_workers_that_serve_the_model(tmp_path: Path) -> None:
    """Fifty requests of two tokens in the window of 50 s, on two of the three workers of their profile."""
    rows = [streamed(i, 10 * S + i * S, [50 * MS, 70 * MS], 2) for i in range(50)]
    line = {"live": {"l4": 3}, "serving": {"qwen3-4b": {"l4": 2}}}
    (lane,) = summarise(load(write_run(tmp_path / "run", rows, scenario(), at_each_second(line)))).lanes
    assert lane.per_worker is not None
    assert lane.per_worker.live == 2
    assert lane.per_worker.completed_rate == pytest.approx(0.5)
    assert lane.per_worker.output_tokens_rate == pytest.approx(1.0)
    assert lane.per_worker.items_rate is None


def test_workers_that_came_in_the_middle_count_by_how_long_they_were_there(tmp_path: Path) -> None:
    """One for the first half of the window, three for the second: two on average."""
    rows = [streamed(i, 10 * S + i * S, [50 * MS], 1) for i in range(50)]
    health: list[dict[str, Any]] = [{"t_ns": t * S, "live": {"l4": 1 if t < 35 else 3}} for t in range(60)]
    (lane,) = summarise(load(write_run(tmp_path / "run", rows, scenario(), health))).lanes
    assert lane.per_worker is not None
    assert lane.per_worker.live == pytest.approx(2)


@pytest.mark.parametrize(("after_s", "said"), [(30, True), (1, False)])
def test_loading_that_took_as_long_as_a_time_out_is_called_overload(
    after_s: int, said: bool, tmp_path: Path
) -> None:
    """A worker that is loading says so at once; a gateway that waited in vain says the same."""
    facts = {"reason": "loading", "status": 503, "error_code": "MODEL_LOADING"}
    rows = [lost(i, 10 * S + i * S, Outcome.REFUSED, **facts) for i in range(3)]
    rows = [(replace(row, end_ns=row.scheduled_ns + after_s * S), [], []) for row, _, _ in rows]
    warnings = summarise(load(write_run(tmp_path / "run", rows, scenario()))).run.warnings
    assert any("3 requests were refused as loading, but only after 3" in line for line in warnings) == said


def test_tries_have_a_first_answer_and_a_service(tmp_path: Path) -> None:
    """The first answer came after 1 s, the service after 5 s, for each of twenty requests."""
    rows = []
    for i in range(20):
        due_ns = 10 * S + i * S
        tries = (
            Attempt(due_ns, due_ns + S, 202, None, 120.0),
            Attempt(due_ns + 3 * S, due_ns + 5 * S, 200, None, None),
        )
        facts = {"attempts": 2, "attempt_log": tries, "end_ns": due_ns + 5 * S}
        rows.append(streamed(i, due_ns, [4 * S], 1, **facts))
    found = summarise(load(write_run(tmp_path / "run", rows, scenario()))).retries
    assert found is not None
    assert (found.requests, found.tries, found.served) == (20, 40, 20)
    assert (found.first_answer_p50.value, found.service_p50.value) == (1.0, 5.0)


def at_each_second(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same health line for each second of the run."""
    return [{"t_ns": t * S, **line} for t in range(60)]


def test_answers_from_an_alias_are_told_as_such(tmp_path: Path) -> None:
    """The spot machines of a profile serve for it."""
    (warning,) = warned(tmp_path, [Outcome.OK] * 3, {"a100-40gb-spot": 1, "l4": 2})
    assert "3 requests were served by that alias" in warning


def test_refusals_of_a_cold_lane_and_answers_of_the_right_profile_are_no_cause_for_doubt(
    tmp_path: Path,
) -> None:
    """Who was refused was served by nobody."""
    assert warned(tmp_path / "cold", [Outcome.REFUSED] * 5, {"l4": 2}) == ()
    assert warned(tmp_path / "warm", [Outcome.OK] * 5, {"l4": 2, "a100-40gb": 1}) == ()
    assert warned(tmp_path / "none", [Outcome.OK] * 5, {}) == ()

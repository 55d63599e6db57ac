from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench.analyze import Provisioning, load, summarise
from bench.record import Attempt, Outcome
from tests.analyze.runs import MS, S, Streamed, lost, record, streamed, write_run


def refused(index: int, at_ns: int, profile: str = "l4") -> Streamed:
    """A request that a cold lane turned away; it was sent a tenth of a millisecond after it was due."""
    return lost(index, at_ns, Outcome.REFUSED, reason="provisioning", status=202, profile=profile)


def starts(
    tmp_path: Path, rows: list[Streamed], health: Iterable[dict[str, Any]] = ()
) -> tuple[Provisioning, ...]:
    """The cold starts of a run."""
    return summarise(load(write_run(tmp_path / "run", rows, health=health))).provisioning


def test_the_start_lies_between_last_refusal_and_first_success(tmp_path: Path) -> None:
    """Both ends are told, counted from the first refusal."""
    rows = [refused(0, 2 * S), refused(1, 5 * S), streamed(2, 8 * S, [100 * MS, 200 * MS], 2)]
    (start,) = starts(tmp_path, rows)
    assert start.delay_low_s == pytest.approx(3.0)
    assert start.delay_high_s == pytest.approx(6.1, abs=0.001)
    assert start.demand_s == pytest.approx(2.0001)
    assert (start.refusals, start.still_cold) == (2, False)


def test_a_lane_that_never_started_has_no_upper_end(tmp_path: Path) -> None:
    """It is censored, not dropped, and not called zero."""
    (start,) = starts(tmp_path, [refused(0, 2 * S), refused(1, 50 * S)])
    assert start.delay_low_s == pytest.approx(48.0)
    assert (start.delay_high_s, start.still_cold) == (None, True)


def test_lanes_are_apart(tmp_path: Path) -> None:
    """A warm profile says nothing about a cold one."""
    rows = [refused(0, 2 * S, "a100-40gb"), streamed(1, 3 * S, [MS, 2 * MS], 2, profile="l4")]
    (start,) = starts(tmp_path, rows)
    assert (start.profile, start.still_cold) == ("a100-40gb", True)


def test_tries_before_the_last_count_as_refusals(tmp_path: Path) -> None:
    """A request that waited its cold lane out shows both ends of the interval by itself."""
    tries = (
        Attempt(2 * S, 2 * S + MS, 202, None, 5.0),
        Attempt(7 * S, 7 * S + MS, 503, "PROVISIONING", 5.0),
        Attempt(12 * S, 13 * S, 200, None, None),
    )
    sent = {"first_sent_ns": 2 * S, "handed_ns": 12 * S, "sent_ns": 12 * S}
    row = streamed(0, 2 * S, [11 * S, 11 * S + MS], 2, attempts=3, attempt_log=tries, **sent)
    (start,) = starts(tmp_path, [row])
    assert (start.delay_low_s, start.delay_high_s, start.refusals) == (5.0, 11.0, 2)


def test_an_answer_on_its_way_before_demand_is_no_start(tmp_path: Path) -> None:
    """The lane's last worker may finish after the first refusal: that is not the new one."""
    before = streamed(0, 1 * S, [3 * S, 4 * S], 2)
    rows = [before, refused(1, 2 * S), streamed(2, 9 * S, [S, 2 * S], 2)]
    (start,) = starts(tmp_path, rows)
    assert start.delay_high_s == pytest.approx(8.0, abs=0.001)


def test_a_warm_run_has_no_cold_start(tmp_path: Path) -> None:
    """Refusals for other reasons are no demand."""
    rows = [lost(0, 2 * S, Outcome.REFUSED, reason="overloaded"), streamed(1, 3 * S, [MS, 2 * MS], 2)]
    assert starts(tmp_path, rows) == ()


def warm(start_s: int, profile: str = "l4") -> list[dict[str, Any]]:
    """Health lines of ten seconds, in which a worker registers at `start_s` and has its model a second on."""

    def line(t_s: int) -> dict[str, Any]:
        ready = {profile: 1} if t_s > start_s else {}
        return {
            "t_ns": t_s * S,
            "told_ns": t_s * S + 50 * MS,
            "live": {profile: 1} if t_s >= start_s else {},
            "serving": {"qwen3-4b": ready},
            "joined": {"w": profile} if t_s == start_s else {},
            "loaded": {"qwen3-4b": ["w"]} if t_s == start_s + 1 else {},
        }

    return [line(t_s) for t_s in range(10)]


@pytest.mark.parametrize(
    ("rows", "health", "doubt"),
    [
        ([refused(0, 2 * S)], warm(4), None),
        ([streamed(0, S, [MS, 2 * MS], 2), refused(1, 2 * S)], warm(4), "1 requests that were sent before"),
        ([refused(0, 2 * S)], warm(0), "1 workers had qwen3-4b loaded when it was asked first"),
        ([refused(0, 2 * S)], warm(4, "a100-40gb"), "another profile answered for it (a100-40gb)"),
        ([refused(0, 2 * S)], warm(4, "l4-spot"), "its alias l4-spot answered: ask for that profile"),
    ],
    ids=["cold", "just warm", "warm", "stranger", "alias"],
)
def test_a_lane_that_was_not_cold_is_no_evidence(
    tmp_path: Path, rows: list[Streamed], health: list[dict[str, Any]], doubt: str | None
) -> None:
    """It is told why, by what was answered and by what the gateway said of its workers."""
    rows = [*rows, streamed(len(rows), 7 * S, [100 * MS, 200 * MS], 2)]
    (start,) = starts(tmp_path, rows, health)
    assert start.doubt is None if doubt is None else str(start.doubt).startswith(doubt)


def test_stages_lie_between_two_looks(tmp_path: Path) -> None:
    """The worker was told of at 4 s and not at 3, its model at 5 and not at 4; the demand was at 2."""
    rows = [refused(0, 2 * S), streamed(1, 7 * S, [100 * MS, 200 * MS], 2)]
    (start,) = starts(tmp_path, rows, warm(4))
    assert start.registered is not None
    assert start.loaded is not None
    assert (start.registered.low_s, start.registered.high_s) == pytest.approx((1.0, 2.05), abs=0.001)
    assert (start.loaded.low_s, start.loaded.high_s) == pytest.approx((2.0, 3.05), abs=0.001)


@pytest.mark.parametrize(("said_after_s", "low_s"), [(1, 3.0), (6, 0.0)])
def test_a_lane_that_loads_is_not_ready(tmp_path: Path, said_after_s: int, low_s: float) -> None:
    """A refusal as loading is one too; one that took long was waiting for a result, and says nothing."""
    loading = {"reason": "loading", "status": 503, "end_ns": (5 + said_after_s) * S}
    row = record(1, 5 * S, outcome=Outcome.REFUSED, **loading)
    rows = [refused(0, 2 * S), (row, [], []), streamed(2, 12 * S, [MS, 2 * MS], 2)]
    (start,) = starts(tmp_path, rows)
    assert start.delay_low_s == pytest.approx(low_s)

"""A calibration step from made files: what was measured against a truth log written by hand."""

from pathlib import Path
from typing import Any

import msgpack
import pytest

from bench.analyze import AnalysisError, Asked, errors_hold, judge_step, load
from bench.record import Clock, Outcome, Step
from tests.analyze.runs import MS, S, Streamed, lost, record, streamed, write_run

START_NS = 5_000 * S
US = 1000
WAY_NS = 10 * US
"""How long bytes take from one stamp to the other, each way."""

OFFSETS = tuple(100 * MS + 30 * MS * number for number in range(8))
Rows = list[list[Any]]
ASKED = Asked(streams=16, small_requests_per_s=0, foreign_share=0.02)


def stream(index: int, shift_us: float = 0, late_us: float = 0) -> tuple[Streamed, Rows]:
    """A chat and its truth: measured `shift_us` later than it was; sent `late_us` after its instant."""
    at_ns = 10 * S + index * 10 * MS
    row = streamed(index, at_ns, [offset + round(shift_us * US) for offset in OFFSETS], 8)
    sent_ns = START_NS + (row[0].sent_ns or 0)
    truth: Rows = [[index, 1, 0, "arrived", sent_ns + WAY_NS, None, None]]
    for sequence, offset in enumerate(OFFSETS):
        left_ns = START_NS + at_ns + offset - WAY_NS
        due_ns = left_ns - round(late_us * US)
        truth.append([index, 1, sequence, "event", due_ns, left_ns - US, left_ns])
    return row, truth


def small(index: int, shift_us: float = 0) -> tuple[Streamed, Rows]:
    """An encode and its truth."""
    at_ns = 10 * S + index * 10 * MS
    end_ns = at_ns + 2 * MS
    facts = {"operation": "encode", "traffic_class": "encode", "stream": False}
    row = record(index, at_ns, end_ns=end_ns + round(shift_us * US), **facts)
    sent_ns, left_ns = START_NS + (row.sent_ns or 0), START_NS + end_ns - WAY_NS
    return (row, [], []), [
        [index, 1, 0, "arrived", sent_ns + WAY_NS, None, None],
        [index, 1, 0, "end", sent_ns + WAY_NS, left_ns - US, left_ns],
    ]


def judged(
    tmp_path: Path, made: list[tuple[Streamed, Rows]], extra: Rows | None = None, asked: Asked = ASKED
) -> Step:
    """The step of a folder with these rows and a log with their truth."""
    truth = tmp_path / "truth.msgpack"
    header = {"format": 1, "settings": {"null": True}}
    objects = [header, *(row for _, rows in made for row in rows), *(extra or ())]
    truth.write_bytes(b"".join(map(msgpack.packb, objects)))
    folder = write_run(
        tmp_path / "run",
        [row for row, _ in made],
        clock=Clock(monotonic_ns=START_NS, wall_ns=0, boot_id=""),
        generator={"engine_cpu_s": 0.1, "ended_at_s": 60.0},
    )
    return judge_step(load(folder), truth, asked)


def test_what_was_measured_as_it_was_has_only_the_way_as_its_error(tmp_path: Path) -> None:
    """There and back are two ways for a TTFT; between events they cancel."""
    found = judged(tmp_path, [stream(index) for index in range(100)])
    assert (found.ttft.n, found.gap.n, found.tpot.n, found.e2e.n) == (100, 700, 100, 0)
    assert found.ttft.p99_ms == pytest.approx(0.02)
    assert (found.gap.p99_ms, found.tpot.p99_ms) == (0, 0)
    assert found.holds
    assert errors_hold(found)
    assert (found.asked, found.foreign_share) == ((16, 0), 0.02)


def test_one_stream_in_ten_that_was_seen_late_shows_in_the_p99_and_fails(tmp_path: Path) -> None:
    """TTFT alone: the gaps between events that are all late are right."""
    found = judged(tmp_path, [stream(index, 700 if index % 10 == 0 else 0) for index in range(100)])
    assert found.ttft.p50_ms == pytest.approx(0.02)
    assert found.ttft.p99_ms == pytest.approx(0.72)
    assert found.gap.p99_ms == 0
    assert (found.gave_out, found.reasons) == ("generator", ("ttft error p99 0.72 ms is not below 0.5 ms",))


def test_a_late_server_is_told_from_a_late_generator(tmp_path: Path) -> None:
    """The truth is when bytes left, not when they should have."""
    found = judged(tmp_path, [stream(index, late_us=600) for index in range(100)])
    assert found.gave_out == "server"
    assert found.server_late_p50_ms == pytest.approx(0.6)
    assert found.ttft.p99_ms == pytest.approx(0.02)


def test_both_may_give_out(tmp_path: Path) -> None:
    """Then both are named."""
    assert judged(tmp_path, [stream(index, 900, 900) for index in range(100)]).gave_out == "both"


def test_whole_replies_are_held_against_their_departure(tmp_path: Path) -> None:
    """And the CPU that the streams did not use is theirs."""
    made = [stream(0), *(small(index, 50) for index in range(1, 101))]
    found = judged(tmp_path, made, asked=Asked(16, 50.0, 0.02, event_us=25.0))
    assert found.e2e.n == 100
    assert found.e2e.p99_ms == pytest.approx(0.07)
    assert found.engine_us_per_small_request == pytest.approx((100_000 - 8 * 25) / 100)
    assert found.engine_us_per_event is None


def test_the_engines_cpu_is_divided_by_events_where_all_stream(tmp_path: Path) -> None:
    """A tenth of a second over 800 events."""
    found = judged(tmp_path, [stream(index) for index in range(100)])
    assert found.engine_us_per_event == pytest.approx(125)


def test_an_event_without_stamp_leaves_its_two_gaps_out(tmp_path: Path) -> None:
    """A lost stamp is no error of the generator."""
    row, truth = stream(0)
    truth[3][6] = None
    found = judged(tmp_path, [(row, truth), *(stream(index) for index in range(1, 10))])
    assert (found.ttft.n, found.gap.n, found.tpot.n) == (10, 68, 10)


def test_further_tries_and_strangers_in_the_log_are_passed_over(tmp_path: Path) -> None:
    """Preflight has no index."""
    strangers: Rows = [[None, None, 0, "event", 1, 1, 1], [0, 2, 0, "event", 1, 1, 1]]
    assert judged(tmp_path, [stream(index) for index in range(10)], strangers).ttft.n == 10


def test_requests_that_did_not_end_well_fail_a_step(tmp_path: Path) -> None:
    """Whatever the others measured."""
    bad: tuple[Streamed, Rows] = (lost(5, 20 * S, Outcome.FAILED), [])
    found = judged(tmp_path, [*(stream(index) for index in range(5)), bad])
    assert found.gave_out == "generator"
    assert "1 of 6 requests did not end well" in found.reasons
    assert errors_hold(found)


def test_a_log_of_another_server_is_refused(tmp_path: Path) -> None:
    """Its stamps are no kernel's."""
    truth = tmp_path / "other.msgpack"
    truth.write_bytes(msgpack.packb({"format": 1, "settings": {"fleet": "l4=1"}}))
    folder = write_run(tmp_path / "run", [stream(0)[0]])
    with pytest.raises(AnalysisError, match="no truth log of `bench sim --null`"):
        judge_step(load(folder), truth, Asked(16, 0, 0.0))

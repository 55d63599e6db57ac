"""A stall that a generator's own limit hides is in the number that counts from the schedule (T18)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.analyze import load, summarise
from tests.analyze.runs import MS, S, Streamed, scenario, streamed, write_run

RATE = 40
SERVICE_NS = 50 * MS
STALL_NS = (30 * S, 32 * S)


def answered_ns(sent_ns: int) -> int:
    """A server with room for all, that stands still for two seconds."""
    begin, end = STALL_NS
    return (end if begin <= sent_ns < end else sent_ns) + SERVICE_NS


def replayed(slots: int) -> Iterator[Streamed]:
    """A minute at a constant rate through so many connections: a request is sent once one is free."""
    free_ns = [0] * slots
    for i in range(60 * RATE):
        due_ns = i * S // RATE
        slot = min(range(slots), key=free_ns.__getitem__)
        sent_ns = max(due_ns, free_ns[slot])
        free_ns[slot] = answered_ns(sent_ns)
        sent = dict.fromkeys(("first_sent_ns", "handed_ns", "sent_ns"), sent_ns)
        yield streamed(i, due_ns, [free_ns[slot] - due_ns], 1, **sent)


@pytest.mark.parametrize("slots", [200, 10])
def test_a_stall_is_in_ttft_however_few_connections_there_are(slots: int, tmp_path: Path) -> None:
    """2 s of 50 s at 40/s: 80 of 2,000 wait, and p99 lies below the twenty longest waits.

    Ten connections hold ten requests back in the stall, so `ttft_sent` has ten late ones: its p99 says that
    nothing happened. `ttft` cannot be fooled: those that were due in the stall waited, sent or not.
    """
    plan = scenario(arrivals={"process": "constant", "rate_per_s": float(RATE)})
    found = summarise(load(write_run(tmp_path / "run", list(replayed(slots)), plan))).overall.latencies
    analytic_s = 2 - 20 / RATE + 0.05
    ttft_s, sent_s = found["ttft"].p99.value, found["ttft_sent"].p99.value
    assert ttft_s is not None
    if slots == 10:
        assert ttft_s >= analytic_s
        assert sent_s == pytest.approx(0.05)
    else:
        assert ttft_s == pytest.approx(analytic_s, rel=0.02)
        assert sent_s == pytest.approx(analytic_s, rel=0.02)

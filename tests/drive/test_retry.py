"""`retry: wait`: refusals for lack of capacity are tried again, and every try is on the record."""

from pathlib import Path

import pytest

from tests.conftest import Sim
from tests.drive.runs import SCENARIO, Drive, counts, drive, prepared, requests_of, told_by

COLD = ("--fleet", "a100-40gb=0..1")
WAIT = ("retry.policy=wait", "retry.cap_s=1")


def test_a_request_waits_for_a_cold_lane_and_its_tries_tell_both_latencies(sim: Sim, tmp_path: Path) -> None:
    """All end well; the early ones with several tries, each with what the server said and when."""
    url = sim(*COLD, "--cold-start-scale", "0.015")
    frame = drive(prepared(tmp_path, url, SCENARIO, *WAIT, "drain_s=20"))
    assert counts(frame) == {"ok": 40}
    early = frame[frame["attempts"] > 1]
    assert len(early) >= 10
    for row in early.to_dict("records"):
        tries = list(row["attempt_log"])
        assert len(tries) == row["attempts"]
        assert [one["status"] for one in tries] == [202] * (len(tries) - 1) + [200]
        assert {one["retry_after_s"] for one in tries[:-1]} == {120.0}
        assert row["first_sent_ns"] < tries[0]["end_ns"] < row["handed_ns"] < row["first_token_ns"]
    once = frame[frame["attempts"] == 1]
    assert all(len(log) == 0 for log in once["attempt_log"])


def test_no_try_begins_after_the_budget(sim: Sim, tmp_path: Path) -> None:
    """A lane that stays cold is given up as refused, with the tries that the budget allowed."""
    changes = (*WAIT, "retry.budget_s=3", "duration_s=1")
    frame = drive(prepared(tmp_path, sim(*COLD), SCENARIO, *changes))
    assert counts(frame) == {"refused": 10}
    assert frame["attempts"].between(3, 5).all()
    assert ((frame["handed_ns"] - frame["first_sent_ns"]) / 1e9).max() <= 3


def test_a_request_is_counted_from_its_taking_to_its_end_between_two_tries_too(sim: Sim) -> None:
    """Not sent, then in flight, whenever another thread looks: or a drain would end before its time."""
    seen = [tuple(step) for step in told_by("count_flights", sim(*COLD))]
    assert seen[0] == ("taken", 1, 0)
    assert len(seen) >= 4
    assert set(seen[1:-2]) == {("refused", 0, 1)}
    assert seen[-2:] == [("ended", 0, 1), ("over", 0, 0)]


@pytest.mark.parametrize("reason", ["drain", "interrupt"])
def test_what_still_waits_at_the_end_keeps_the_outcome_of_its_last_try(
    reason: str, sim: Sim, tmp_path: Path
) -> None:
    """At the drain limit and after Ctrl-C, requests between two tries are refused, and the books balance.

    Their second tries are due long after the end: one that is under way then would be unfinished, rightly.
    """
    changes = ("retry.policy=wait", "retry.cap_s=60", "drain_s=2")
    run = Drive(
        prepared(
            tmp_path, sim(*COLD), SCENARIO, *changes, "duration_s=2" if reason == "drain" else "duration_s=60"
        )
    )
    if reason == "interrupt":
        run.until_sent(20)
        run.interrupt()
    code, _, err = run.end()
    assert (code, err) == (0 if reason == "drain" else 130, "")
    found = counts(requests_of(run.folder))
    assert found["refused"] >= 20
    assert set(found) <= {"refused", "not_sent"}
    if reason == "drain":
        assert run.folder.info().generator["ended_at_s"] >= 3.8

"""A stream that falls silent is given up, whatever keeps its socket alive."""

from pathlib import Path

import pytest

from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, counts, drive, prepared
from tests.drive.test_trouble import plan


@pytest.mark.parametrize(
    ("silent_after", "limit", "reason", "since"),
    [
        (0, "timeouts.first_byte_s=2", "first_byte_timeout", "handed_ns"),
        (2, "timeouts.token_s=2", "token_timeout", "last_token_ns"),
    ],
)
def test_comments_do_not_keep_a_silent_stream_alive(
    silent_after: int, limit: str, reason: str, since: str, sim: Sim, tmp_path: Path
) -> None:
    """Comments come five times a second, tokens no more: given up 2 s after the last that counted."""
    faults = plan(tmp_path, f"[{{fault: hang, operation: chat, after_events: {silent_after}, count: 999}}]")
    url = sim(*FLEET, "--keep-alive-s", "0.2", *faults)
    scenario = SCENARIO.replace("profiles: [a100-40gb]", "profiles: []")
    changes = (limit, "duration_s=1", "classes.chat.output_tokens=100", "target.kind=openai")
    frame = drive(prepared(tmp_path, url, scenario, *changes))
    assert counts(frame) == {"timed_out": 10}
    assert set(frame["reason"]) == {reason}
    assert set(frame["events"]) == {silent_after}
    waited_s = (frame["end_ns"] - frame[since]) / 1e9
    assert waited_s.min() == pytest.approx(2, rel=0.05)

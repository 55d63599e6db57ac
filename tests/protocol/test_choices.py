"""Generations of several choices: `n` above 1."""

from typing import Any

import pytest

from bench.protocol.facts import Kind
from tests.protocol.wire import DONE, asking, chunked, delta, fed, outcome, sse, usage

PAIR = asking("chat", "hi", stream=True, params={"n": 2})


def _of(index: int, finish: str | None = None, **said: str) -> dict[str, Any]:
    choice = delta(finish, **said)
    choice["choices"][0]["index"] = index
    return choice


A, B = _of(0, content="a"), _of(1, content="bb")
STOP_A, STOP_B = _of(0, "stop"), _of(1, "length")
COUNTS = usage(3, 8)


def test_the_first_token_of_any_choice_is_the_first() -> None:
    """And the reply ends with the last of them; the count is the server's."""
    pieces = [sse(event) for event in (B, A, STOP_B, A, STOP_A, COUNTS)]
    framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, DONE]]
    facts, _ = fed(PAIR, [chunked(end=False), *framed, b"0\r\n\r\n"])
    assert (facts.outcome, facts.finish_reason, facts.out_tokens) == ("ok", "stop", 8)
    assert (list(facts.event_ns), list(facts.event_chars)) == ([1, 2, 4], [2, 1, 1])


def test_choices_in_one_event_are_one_event() -> None:
    """Two texts in it were not merged by the network."""
    both = {"choices": [*A["choices"], *B["choices"]]}
    facts, _ = fed(PAIR, chunked(sse(both, STOP_A, STOP_B, COUNTS) + DONE))
    assert (list(facts.event_chars), facts.merged_events) == ([3], 0)


@pytest.mark.parametrize("kind", ["sie", "openai"])
@pytest.mark.parametrize(
    ("events", "fate"),
    [
        ([A, B, STOP_A, STOP_B, COUNTS], ("ok", None)),
        ([A, B, STOP_A, COUNTS], ("truncated", "no_done")),
        ([A, STOP_A, COUNTS], ("degraded", "short_items")),
    ],
)
def test_a_reply_is_over_when_every_choice_is(kind: Kind, events: list[Any], fate: Any) -> None:
    """One that began and did not finish is cut; one that never began is missing."""
    assert outcome(PAIR, chunked(sse(*events) + DONE), kind) == fate


def test_a_connection_lost_between_two_ends_leaves_the_reply_cut() -> None:
    """The second choice may have been about to begin."""
    reply = chunked(sse(A, STOP_A), end=False)
    assert outcome(PAIR, reply, "openai", close=True) == ("truncated", "connection_lost")

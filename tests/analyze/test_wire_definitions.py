"""From the bytes of a reply to its numbers: hand-made streams, exact values, null where none is (T19)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analyze import load, measured, summarise
from bench.protocol import Ask, Exchange
from bench.record import Outcome
from tests.analyze.runs import MS, S, Streamed, record, write_run
from tests.protocol.wire import (
    CHAT,
    DENSE,
    DONE,
    answered,
    asking,
    delta,
    sse,
    until_close,
    usage,
)

AT = 20 * S
HEAD = until_close(b"")
NAMES = ("ttft_s", "ttfv_s", "tpot_s", "e2e_s", "ntpot_s", "gap_max_s")
PAIR = asking("chat", "hi", stream=True, params={"n": 2})
Read = tuple[int, bytes]


def replied(ask: Ask, reads: list[Read], **facts: Any) -> Streamed:
    """The row of a request that was due at `AT`, whose reply came in these reads (ms after that)."""
    exchange = Exchange("openai", ask)
    for at_ms, piece in reads:
        exchange.feed(piece, AT + at_ms * MS)
    if not facts:
        exchange.closed(AT + reads[-1][0] * MS)
    exchange.decode()
    said = exchange.facts
    told = {
        name: getattr(said, name)
        for name in ("first_token_ns", "first_visible_ns", "last_token_ns", "end_ns", "reason", "out_tokens",
                     "tokens_source", "finish_reason", "merged_events", "items_returned")
    }  # fmt: skip
    told |= {"outcome": said.outcome, "events": len(said.event_ns), "stream": ask.stream}
    row = record(0, AT, operation=ask.operation, **(told | facts))
    return row, list(said.event_ns), list(said.event_chars)


def words(at_ms: int, *said: str) -> Read:
    """One read with an event for each of these texts."""
    return at_ms, sse(*(delta(content=text) for text in said))


END, STOP = (400, DONE), sse(delta("stop"))
SPLIT = 'data: {"choices": [{"delta": {"content": "héé"}}]}\n\n'.encode()
CUT = SPLIT.rindex("é".encode()) + 1
SECOND = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}
STREAMS: dict[str, tuple[Ask, list[Read], str, tuple[float | None, ...]]] = {
    "one token": (
        CHAT, [(50, HEAD), words(100, "a"), (110, STOP + sse(usage(3, 1))), END],
        "ok", (100, 100, None, 400, 400, None)),
    "two tokens in the first event": (
        CHAT, [(50, HEAD), words(100, "a b"), words(160, "c"), (170, STOP + sse(usage(3, 3))), END],
        "ok", (100, 100, 30, 400, 400 / 3, 60)),
    "a role alone, then empty text": (
        CHAT, [(50, HEAD), (60, sse(delta(role="assistant"), delta(content=""))), words(100, "a"),
               words(130, "b"), (140, STOP + sse(usage(3, 2))), END],
        "ok", (100, 100, 30, 400, 200, 30)),
    "no usage": (
        CHAT, [(50, HEAD), words(100, "a"), words(130, "b"), (140, STOP), END],
        "ok", (100, 100, None, 400, None, 30)),
    "usage alone in the last chunk, late": (
        CHAT, [(50, HEAD), words(100, "a"), words(130, "b"), (140, STOP), (390, sse(usage(3, 2))), END],
        "ok", (100, 100, 30, 400, 200, 30)),
    "no [DONE]": (
        CHAT, [(50, HEAD), words(100, "a"), words(130, "b"), (140, STOP + sse(usage(3, 2))), (400, b"")],
        "ok", (100, 100, 30, 400, 200, 30)),
    "cut before its end": (
        CHAT, [(50, HEAD), words(100, "a"), words(130, "b"), (400, b"")],
        "truncated", (100, 100, None, 400, None, 30)),
    "reasoning first": (
        CHAT, [(50, HEAD), (100, sse(delta(reasoning="hm"))), words(300, "a"),
               (310, STOP + sse(usage(3, 5))), END],
        "ok", (100, 300, 50, 400, 80, 200)),
    "an error in the middle": (
        CHAT, [(50, HEAD), words(100, "a"), words(130, "b"), (400, sse({"error": {"message": "no"}}))],
        "failed", (100, 100, None, 400, None, 30)),
    "no output at all": (
        CHAT, [(50, HEAD), (110, STOP + sse(usage(3, 0))), END],
        "ok", (None, None, None, 400, None, None)),
    "events merged into one read": (
        CHAT, [(50, HEAD), words(100, "a", "b"), words(130, "c"), (140, STOP + sse(usage(3, 3))), END],
        "ok", (100, 100, 15, 400, 400 / 3, 30)),
    "everything in one read": (
        CHAT, [(400, HEAD + sse(delta(content="a"), delta(content="b")) + STOP + sse(usage(3, 2)) + DONE)],
        "ok", (400, 400, None, 400, 200, 0)),
    "a character cut in two": (
        CHAT, [(50, HEAD), (90, SPLIT[:CUT]), (100, SPLIT[CUT:]), words(130, "b"),
               (140, STOP + sse(usage(3, 2))), END],
        "ok", (100, 100, 30, 400, 200, 30)),
    "two choices": (
        PAIR, [(50, HEAD), words(100, "a"), (160, sse(SECOND)), (170, STOP + sse(usage(3, 7))), END],
        "ok", (100, 100, 10, 400, 400 / 7, 60)),
    "a whole chat": (
        asking("chat", "hi"), [(400, answered(200, {
            "choices": [{"message": {"content": "a b"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2}}))],
        "ok", (None, None, None, 400, 200, None)),
    "an encode": (
        asking("encode"), [(400, answered(200, {"items": [DENSE] * 2}))],
        "ok", (None, None, None, 400, None, None)),
    "a score": (
        asking("score", "q", "a", "b"), [(400, answered(200, {"scores": [{"score": 0.1}, {"score": 0.2}]}))],
        "ok", (None, None, None, 400, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_reply_has_exactly_these_numbers(name: str, tmp_path: Path) -> None:
    """TTFT, first visible text, TPOT, E2E, time per token and longest gap in ms; NaN where undefined."""
    ask, reads, outcome, expected_ms = STREAMS[name]
    row = measured(load(write_run(tmp_path / "run", [replied(ask, reads)]))).iloc[0]
    found_ms = [None if np.isnan(row[one]) else pytest.approx(1e3 * row[one], rel=1e-12) for one in NAMES]
    assert (row["outcome"], found_ms) == (outcome, list(expected_ms))


def test_characters_and_not_bytes_are_counted_where_a_read_cuts_one() -> None:
    """Three characters of five bytes, the cut in the second of them."""
    _, event_ns, chars = replied(CHAT, STREAMS["a character cut in two"][1])
    assert (event_ns[0] - AT, chars) == (100 * MS, [3, 1])


def test_a_stream_that_timed_out_is_slower_than_any_though_it_began(tmp_path: Path) -> None:
    """Its first token came; no quantile takes that for an answer's, and it is not good."""
    row = replied(
        CHAT,
        [(50, HEAD), words(100, "a")],
        outcome=Outcome.TIMED_OUT,
        reason="token_timeout",
        end_ns=AT + 9 * S,
    )
    part = summarise(load(write_run(tmp_path / "run", [row]))).overall
    assert (part.latencies["ttft"].n, part.latencies["ttft"].larger) == (1, 1)
    assert part.latencies["ttft"].p50.beyond
    assert (part.attainment, part.error_rate, part.completed_rate) == (0, 1, 0)


def test_items_are_counted_by_what_came_back(tmp_path: Path) -> None:
    """Two vectors of an encode over a window of 50 s; no token is made of them."""
    row = replied(asking("encode"), [(400, answered(200, {"items": [DENSE] * 2}))])
    part = summarise(load(write_run(tmp_path / "run", [row]))).overall
    assert (part.items_rate, part.output_tokens_rate) == (2 / 50, None)

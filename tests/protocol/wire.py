"""Replies as bytes, and what an Exchange makes of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

from bench.protocol import Ask, Exchange, Facts
from bench.protocol.facts import Kind, Operation

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
DONE = b"data: [DONE]\n\n"


def asking(operation: Operation, *texts: str, **said: Any) -> Ask:
    """A request for a small model; two texts where none are given."""
    return Ask(operation=operation, model="BAAI/m", texts=texts or ("a", "b"), max_tokens=8, **said)


CHAT = asking("chat", "hi", stream=True)
GENERATE = asking("generate", "hi", stream=True)
COMPLETION = asking("completion", "hi", stream=True)
DENSE = {"dense": {"dims": 2, "values": [0.1, 0.2]}}
"""An item of an encode's result, as JSON has it."""


COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
_TIMES = {"ttft_ms": 10, "tpot_ms": 2.5, "attempt_id": "a-1", "usage": COUNTS}
_CALL = {"index": 0, "function": {"name": "find", "arguments": "{}"}}
_SAID = {"content": "hi", "reasoning_content": "hm", "tool_calls": [_CALL]}
RESULTS: Mapping[Operation, dict[str, Any]] = {
    "chat": {"choices": [{"index": 0, "message": _SAID, "finish_reason": "stop"}], "usage": COUNTS},
    "completion": {"choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}], "usage": COUNTS},
    "generate": {"model": "m", "text": "hi", "finish_reason": "stop", **_TIMES},
    "encode": {"model": "m", "items": [DENSE] * 2},
    "extract": {"model": "m", "items": [{"entities": []}, {"entities": [], "error": None}]},
    "score": {"model": "m", "scores": [{"item_id": "item-0", "score": 0.9, "rank": 0}]},
    "embed": {"data": [{"index": 0, "embedding": [0.1]}, {"index": 1, "embedding": [1]}], "usage": COUNTS},
    "rerank": {"results": [{"index": 0, "relevance_score": 0.9}], "usage": {"total_tokens": 9}},
}
"""A whole reply to what `asking` asks for, operation by operation."""

EVENTS: Mapping[Operation, list[dict[str, Any]]] = {
    "chat": [
        {"choices": [{"index": 0, "delta": {"role": "assistant", **_SAID}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": COUNTS},
    ],
    "completion": [
        {"choices": [{"index": 0, "text": "hi", "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}], "usage": COUNTS},
    ],
    "generate": [
        {"request_id": "r", "seq": 0, "text_delta": "hi", "done": False},
        {"request_id": "r", "seq": 1, "text_delta": "", "done": True, "finish_reason": "stop", **_TIMES},
    ],
}
"""A streamed one, for those that stream."""


def sse(*events: Any) -> bytes:
    """A body of events, each a JSON value in one line."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    """A chunk of a streamed chat with one choice."""
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": said, "finish_reason": finish}],
    }


def text(finish: str | None = None, said: str = "") -> dict[str, Any]:
    """A chunk of a streamed completion."""
    return {"object": "text_completion", "choices": [{"index": 0, "text": said, "finish_reason": finish}]}


def usage(prompt: int, completion: int) -> dict[str, Any]:
    """The last chunk of a streamed chat: usage, and no choices."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {"choices": [], "usage": {**counts, "total_tokens": prompt + completion}}


def head(status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    """The head of a reply; underscores in header names stand for dashes."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def sized(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    """A reply with a content-length."""
    return head(status, content_type, content_length=str(len(body)), **headers) + body


def chunked(*pieces: bytes, content_type: str = "text/event-stream", end: bool = True) -> bytes:
    """A reply in chunks, one a piece; without `end` the last, empty chunk is missing."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return head(200, content_type, transfer_encoding="chunked") + body + (b"0\r\n\r\n" if end else b"")


def until_close(body: bytes, content_type: str = "text/event-stream") -> bytes:
    """A reply that ends with its connection."""
    return head(200, content_type, connection="close") + body


def answered(status: int, body: Any, **headers: str) -> bytes:
    """A reply of JSON."""
    return sized(json.dumps(body).encode(), status, **headers)


def fed(
    ask: Ask, pieces: Sequence[bytes] | bytes, kind: Kind = "sie", *, close: bool = False
) -> tuple[Facts, Exchange]:
    """Feed a reply, the n-th piece at instant n; `close` ends the connection after the last."""
    exchange = Exchange(kind, ask)
    for instant, piece in enumerate([pieces] if isinstance(pieces, bytes) else pieces):
        exchange.feed(piece, instant)
    if close:
        exchange.closed(len(pieces))
    exchange.decode()
    return exchange.facts, exchange


def outcome(
    ask: Ask, reply: bytes, kind: Kind = "sie", *, close: bool = False
) -> tuple[str | None, str | None]:
    """Outcome and reason of a whole reply that must settle."""
    facts, exchange = fed(ask, reply, kind, close=close)
    assert exchange.done
    assert facts.end_ns is not None
    return facts.outcome, facts.reason


def timeless(facts: Facts) -> Mapping[str, Any]:
    """All that does not depend on when and in how many pieces the bytes came."""
    said = {name: getattr(facts, name) for name in facts.__struct_fields__}
    known = {name: value is not None for name, value in said.items() if name.endswith("_ns")}
    said["event_ns"] = len(facts.event_ns)
    return {name: value for name, value in said.items() if name != "merged_events"} | known


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces, cut at places counted modulo their number."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(edges)]

import json
from collections.abc import Sequence
from typing import Any

import httptools
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.protocol import Ask, Exchange
from bench.protocol.facts import Kind
from tests.protocol.wire import (
    CHAT,
    COMPLETION,
    DENSE,
    DONE,
    EVENTS,
    GENERATE,
    OPERATIONS,
    RESULTS,
    answered,
    asking,
    chunked,
    cut,
    delta,
    fed,
    head,
    outcome,
    sized,
    sse,
    text,
    timeless,
    until_close,
    usage,
)

ENCODE = asking("encode")
VECTOR = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2], b"data": bytes(8)}
PACKED = msgpack.packb({"model": "m", "items": [{"dense": {"dims": 2, "values": VECTOR}}] * 2})
STREAM = (
    sse(delta(role="assistant", content="Grüße"), delta(content=" an"), delta("stop"), usage(3, 4)) + DONE
)
GENERATED = sse({"seq": 0, "text_delta": "a", "done": False}) + sse(
    {
        "text_delta": "b",
        "done": True,
        "finish_reason": "stop",
        "usage": {"completion_tokens": 2},
        "ttft_ms": 3,
    }
)

PAIR = asking("chat", "hi", stream=True, params={"n": 2})
SECOND = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}
CALL = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
UPGRADE = b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nPRI * HTTP/2.0"

REPLIES: dict[str, tuple[Ask, Kind, bytes]] = {
    "chat chunked": (CHAT, "sie", chunked(STREAM[:50], STREAM[50:])),
    "chat until close": (CHAT, "sie", until_close(STREAM)),
    "chat with a length": (CHAT, "sie", sized(STREAM, content_type="text/event-stream")),
    "chat of another server": (CHAT, "openai", until_close(sse(delta(content="a"), delta("stop")))),
    "generate cut": (GENERATE, "sie", chunked(GENERATED, end=False)),
    "generate": (GENERATE, "sie", chunked(GENERATED, DONE)),
    "encode packed": (ENCODE, "sie", sized(PACKED, content_type="application/x-msgpack")),
    "encode until close": (ENCODE, "sie", until_close(PACKED, "application/msgpack")),
    "error": (CHAT, "sie", answered(503, {"error": {"code": "MODEL_LOADING"}}, retry_after="5")),
    "after an interim reply": (
        ENCODE,
        "sie",
        b"HTTP/1.1 100 Continue\r\n\r\n" + answered(200, {"items": [DENSE] * 2}),
    ),
    "completion": (COMPLETION, "openai", chunked(sse(text(said="a"), text("stop", "b")), DONE)),
    "two choices": (PAIR, "openai", chunked(sse(delta(content="a"), delta("stop"), SECOND), DONE)),
    "tools and reasoning": (
        CHAT,
        "sie",
        chunked(sse(delta(reasoning="hm"), delta("tool_calls", **CALL)), DONE),
    ),
    "an error in a stream": (CHAT, "openai", chunked(sse(delta(content="a"), {"error": "no"}), DONE)),
    "carriage returns": (CHAT, "openai", chunked(STREAM.replace(b"\n", b"\r\n"))),
    "extract": (asking("extract"), "sie", answered(200, {"items": [{}, {"error": {"code": "X"}}]})),
    "score": (asking("score", "q", "a"), "sie", answered(200, {"scores": [{"score": 1}]})),
    "embed": (
        asking("embed"),
        "sie",
        answered(200, {"data": [{"embedding": [1]}], "usage": {"total_tokens": 3}}),
    ),
    "rerank": (asking("rerank"), "openai", answered(200, {"results": [{"relevance_score": 1}]})),
    "an error instead": (asking("embed"), "openai", answered(200, {"object": "error", "code": 5})),
    "a switch of protocols": (CHAT, "sie", UPGRADE),
    "broken chunk": (CHAT, "sie", chunked(STREAM)[:-9] + b"zz"),
}

TYPES = ("text/event-stream", "application/json", "application/x-msgpack", "text/html")
PROBLEM = {"code": "MODEL_LOADING", "message": "wait", "type": "server_error", "retry_after_s": 2.5}
ERRORS: list[Any] = [
    *({"error": PROBLEM}, {"detail": PROBLEM}, {"object": "error", **PROBLEM}, {"detail": [PROBLEM]}),
    {"error": "all_items_failed", "details": [{"item_index": 0, **PROBLEM}]},
]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 2**31, 10**400, 1.5, 1e300, float("nan"), "", "x", [], [[]], {}, {"a": 1}, PROBLEM]
)


def _bent(draw: st.DrawFn, tree: Any) -> Any:
    """The same value with something odd in any place, or in none."""
    if draw(st.integers(0, 9)) == 0:
        return draw(ODD)
    if isinstance(tree, dict):
        return {key: _bent(draw, value) for key, value in tree.items() if draw(st.integers(0, 19))}
    return [_bent(draw, value) for value in tree] if isinstance(tree, list) else tree


@st.composite
def _replies(draw: st.DrawFn, ask: Ask) -> tuple[str, bytes]:
    """Content type and body: nonsense, or nearly a result, nearly a stream, nearly an error."""
    kind = draw(st.sampled_from(TYPES))
    if draw(st.integers(0, 4)) == 0:
        return kind, draw(st.binary(max_size=200))
    if kind == "text/event-stream":
        events = [*EVENTS.get(ask.operation, []), *draw(st.lists(st.sampled_from(ERRORS), max_size=1))]
        return kind, sse(*(_bent(draw, event) for event in events)) + draw(st.sampled_from([b"", DONE]))
    tree = _bent(draw, draw(st.sampled_from([RESULTS[ask.operation], RESULTS[ask.operation], *ERRORS])))
    return kind, msgpack.packb(tree, default=str) if "msgpack" in kind else json.dumps(tree).encode()


@pytest.mark.parametrize("name", REPLIES)
@settings(max_examples=15)
@given(places=st.lists(st.integers(0, 10_000), max_size=8))
def test_a_reply_gives_the_same_facts_at_every_split(name: str, places: list[int]) -> None:
    """Only instants, and how many events shared a read, may depend on how the network cut it."""
    ask, kind, reply = REPLIES[name]
    whole, _ = fed(ask, reply, kind, close=True)
    pieces, exchange = fed(ask, cut(reply, places), kind, close=True)
    single, _ = fed(ask, [reply[i : i + 1] for i in range(len(reply))], kind, close=True)
    assert exchange.done
    if whole.reason == "malformed":
        # What follows the nonsense is passed over, and so not counted.
        pieces.response_bytes = whole.response_bytes
    assert timeless(pieces) == timeless(whole)
    assert timeless(single)["outcome"] == whole.outcome
    assert single.merged_events == 0


ASKED = [asking(operation, stream=stream) for operation in OPERATIONS for stream in (False, True)]


@pytest.mark.parametrize("ask", [*ASKED, PAIR], ids=lambda ask: f"{ask.operation}-{ask.stream}-{ask.choices}")
@settings(max_examples=100)
@given(
    st.data(),
    st.sampled_from([200, 200, 200, 202, 429, 500, 503]),
    st.sampled_from(["sie", "openai"]),
    st.lists(st.integers(0, 10_000), max_size=5),
    st.none() | st.just(4.0),
)
def test_any_body_settles_within_the_columns_of_the_record(
    ask: Ask, data: st.DataObject, status: int, kind: Kind, places: list[int], per_token: float | None
) -> None:
    """Whatever a server sends, however it is cut, there is one outcome, and every fact fits its column."""
    said, body = data.draw(_replies(ask))
    ask = replace(ask, chars_per_token=per_token)
    facts, exchange = fed(ask, cut(head(status, said) + body, places), kind, close=True)
    assert exchange.done
    assert facts.outcome in {"ok", "degraded", "failed", "refused", "timed_out", "truncated"}
    assert status == 200 or facts.outcome not in {"ok", "degraded"}
    for count in (facts.in_tokens, facts.out_tokens, facts.items_returned):
        assert count is None or 0 <= count < 2**31
    for word in (facts.finish_reason, facts.error_code, facts.error_message, facts.attempt_id):
        assert word is None or isinstance(word, str)
    for number in (facts.server_ttft_ms, facts.server_tpot_ms, facts.retry_after_s):
        assert number is None or abs(number) < 3.5e38
    assert not isinstance(facts.out_tokens, bool)
    assert (facts.tokens_source is None) == (facts.in_tokens is None and facts.out_tokens is None)
    whole, _ = fed(ask, head(status, said) + body, kind, close=True)
    assert {**timeless(whole), "response_bytes": 0} == {**timeless(facts), "response_bytes": 0}


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_arbitrary_bytes_instead_of_a_reply_settle_as_a_failure(pieces: Sequence[bytes]) -> None:
    """No exception leaves an Exchange."""
    facts, exchange = fed(ENCODE, list(pieces), close=True)
    assert exchange.done
    assert not exchange.reusable
    assert (facts.outcome, facts.reason) in {("failed", "malformed"), ("failed", "connection_lost")}


@pytest.mark.parametrize(
    ("reply", "fate"),
    [
        (b"", ("failed", "connection_lost")),
        (b"HTTP/1.1 200 OK\r\ncontent-", ("failed", "connection_lost")),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ("failed", "connection_lost")),
        (UPGRADE, ("failed", "malformed")),
        (sized(b"{}" * 50)[:-1], ("failed", "connection_lost")),
        (chunked(PACKED, content_type="application/msgpack", end=False), ("failed", "connection_lost")),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ("failed", "malformed")),
        (b"\x16\x03\x01\x02\x00", ("failed", "malformed")),
    ],
)
def test_a_reply_that_never_was_or_broke_off(reply: bytes, fate: tuple[str, str]) -> None:
    """Closed before or within the reply, or not HTTP at all."""
    assert outcome(ENCODE, reply, close=True) == fate


def test_what_follows_a_reply_changes_nothing_but_the_connection_s_use() -> None:
    """A second reply that nobody asked for: the facts stay, and the connection is not used again."""
    first, second = answered(200, {"items": [DENSE] * 2}), answered(500, {})
    alone, exchange = fed(ENCODE, first)
    assert exchange.reusable
    for pieces in ([first + second], [first, second]):
        facts, exchange = fed(ENCODE, pieces)
        assert (facts.outcome, facts.status, facts.end_ns) == ("ok", 200, alone.end_ns)
    assert facts.response_bytes == len(first)
    facts, exchange = fed(ENCODE, [first + second])
    assert not exchange.reusable


def test_a_connection_is_reused_only_where_the_server_keeps_it() -> None:
    """`connection: close` and a body without length end it."""
    assert not fed(ENCODE, answered(200, {"items": [DENSE] * 2}, connection="close"))[1].reusable
    assert not fed(CHAT, until_close(STREAM), close=True)[1].reusable


def test_a_body_nested_without_end_is_malformed_also_where_its_connection_ends_it() -> None:
    """The caller of `closed` meets no exception either."""
    assert outcome(ENCODE, until_close(b"[" * 100_000, "application/json"), close=True) == (
        "failed",
        "malformed",
    )
    error = head(500, connection="close") + b"[" * 100_000
    assert outcome(ENCODE, error, close=True) == ("failed", None)


def test_what_was_settled_first_stays() -> None:
    """A time-out from outside is not undone by bytes that come late."""
    exchange = Exchange("sie", CHAT)
    exchange.feed(chunked(sse(delta(content="a")), end=False), 1)
    exchange.give_up("timed_out", "token_timeout", 5)
    exchange.feed(b"0\r\n\r\n", 6)
    exchange.closed(7)
    assert (exchange.facts.outcome, exchange.facts.reason, exchange.facts.end_ns) == (
        "timed_out",
        "token_timeout",
        5,
    )
    assert list(exchange.facts.event_ns) == [1]


def test_instants_are_those_of_the_reads_that_carried_them() -> None:
    """Head, first text, last text and end, each at its own read."""
    first, last = sse(delta(content="a")), sse(delta("stop", content="b"), usage(1, 2)) + DONE
    framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (first, last)]
    exchange = Exchange("sie", CHAT)
    for instant, piece in zip((10, 20, 30, 40), (chunked(end=False), *framed, b"0\r\n\r\n"), strict=True):
        exchange.feed(piece, instant)
    facts = exchange.facts
    assert (facts.headers_ns, facts.first_token_ns, facts.last_token_ns, facts.end_ns) == (10, 20, 30, 40)


def test_an_interim_reply_is_none() -> None:
    """Status and instant of the head are those of the reply that follows."""
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\nretry-after: 9\r\n\r\n"
    facts, _ = fed(ENCODE, [early])
    assert (facts.status, facts.headers_ns, facts.outcome) == (None, None, None)
    facts, exchange = fed(ENCODE, [early, early, answered(503, {})])
    assert (facts.status, facts.headers_ns, facts.retry_after_s) == (503, 2, None)
    assert exchange.done


def test_replies_of_these_tests_are_http() -> None:
    """A strict parser accepts every one that is meant to be whole."""
    for name in ("chat chunked", "chat with a length", "generate", "encode packed", "error"):
        httptools.HttpResponseParser(object()).feed_data(REPLIES[name][2])

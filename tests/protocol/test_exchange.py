import json
from collections.abc import Sequence

import httptools
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.protocol import Ask, Exchange
from bench.protocol.facts import Kind
from tests.protocol.wire import (
    CHAT,
    DONE,
    GENERATE,
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
        b"HTTP/1.1 100 Continue\r\n\r\n" + answered(200, {"items": [1, 2]}),
    ),
    "broken chunk": (CHAT, "sie", chunked(STREAM)[:-9] + b"zz"),
}

KEYS = [
    "choices",
    "delta",
    "content",
    "usage",
    "completion_tokens",
    "error",
    "code",
    "done",
    "items",
    "scores",
    "finish_reason",
    "text_delta",
    "tool_calls",
    "function",
    "arguments",
    "ttft_ms",
]


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


@settings(max_examples=100)
@given(
    st.sampled_from([CHAT, GENERATE, ENCODE, asking("score"), asking("chat", "a"), asking("generate", "a")]),
    st.sampled_from(["text/event-stream", "application/json", "application/x-msgpack"]),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
    ).map(lambda tree: b"data: " + json.dumps(tree).encode() + b"\n\n"),
    st.booleans(),
)
def test_any_body_settles_within_the_columns_of_the_record(
    ask: Ask, content_type: str, body: bytes, strip: bool
) -> None:
    """Whatever a server sends, there is an outcome, and every fact fits where it will be stored."""
    body = body.removeprefix(b"data: ").strip() if strip else body
    facts, exchange = fed(ask, [head(200, content_type), body], close=True)
    assert exchange.done
    assert facts.outcome in {"ok", "degraded", "failed", "refused", "timed_out", "truncated"}
    for count in (facts.in_tokens, facts.out_tokens):
        assert count is None or (type(count) is int and 0 <= count < 2**31)
    for word in (facts.finish_reason, facts.error_code, facts.error_message, facts.attempt_id):
        assert word is None or isinstance(word, str)
    for number in (facts.server_ttft_ms, facts.server_tpot_ms):
        assert number is None or isinstance(number, float)


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
    first, second = answered(200, {"items": [1, 2]}), answered(500, {})
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
    assert not fed(ENCODE, answered(200, {"items": [1, 2]}, connection="close"))[1].reusable
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


def test_replies_of_these_tests_are_http() -> None:
    """A strict parser accepts every one that is meant to be whole."""
    for name in ("chat chunked", "chat with a length", "generate", "encode packed", "error"):
        httptools.HttpResponseParser(object()).feed_data(REPLIES[name][2])

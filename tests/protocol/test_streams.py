from typing import Any

import pytest

from bench.protocol import Exchange
from bench.protocol.facts import Kind
from tests.protocol.wire import CHAT, DONE, GENERATE, chunked, delta, fed, outcome, sse, usage


def test_a_chat_whose_role_rides_with_the_first_text() -> None:
    """The gateway's own habit: the first chunk is the first token, usage comes without choices."""
    first, second = sse(delta(role="assistant", content="Hel")), sse(delta(content="lo"))
    rest = sse(delta("length"), usage(5, 12)) + DONE
    facts, exchange = fed(
        CHAT,
        [chunked(end=False), *(b"%x\r\n%s\r\n" % (len(p), p) for p in (first, second, rest)), b"0\r\n\r\n"],
    )
    assert (facts.outcome, facts.reason, facts.finish_reason) == ("ok", None, "length")
    assert (facts.headers_ns, facts.first_token_ns, facts.first_visible_ns) == (0, 1, 1)
    assert (facts.last_token_ns, facts.end_ns) == (2, 4)
    assert (facts.in_tokens, facts.out_tokens) == (5, 12)
    assert (list(facts.event_ns), list(facts.event_chars)) == ([1, 2], [3, 2])
    assert exchange.reusable


def _events(*events: object) -> list[bytes]:
    """Each event a read of its own, the head before them."""
    pieces = [sse(event) for event in events]
    return [chunked(end=False), *(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)]


def test_a_chunk_with_only_a_role_is_no_token() -> None:
    """Other servers send the role first, with no or with empty text."""
    facts, _ = fed(
        CHAT, _events(delta(role="assistant"), delta(role="assistant", content=""), delta(content="x"))
    )
    assert (facts.first_token_ns, list(facts.event_ns)) == (3, [3])


def test_reasoning_is_a_token_but_not_a_visible_one() -> None:
    """Under both names that servers give it."""
    facts, _ = fed(CHAT, _events(delta(reasoning_content="hm"), delta(reasoning="so"), delta(content="Yes")))
    assert (facts.first_token_ns, facts.first_visible_ns) == (1, 3)
    assert list(facts.event_chars) == [2, 2, 3]


def test_arguments_of_a_tool_call_are_tokens() -> None:
    """A call of a tool is output, though nothing of it is visible text."""
    named = {"index": 0, "id": "c", "type": "function", "function": {"name": "find", "arguments": ""}}
    argued = {"index": 0, "function": {"arguments": '{"a":'}}
    facts, _ = fed(CHAT, _events(delta(tool_calls=[named]), delta("tool_calls", tool_calls=[argued])))
    assert (facts.first_token_ns, facts.first_visible_ns, facts.finish_reason) == (1, None, "tool_calls")
    assert list(facts.event_chars) == [4, 5]


@pytest.mark.parametrize(
    ("said", "visible", "chars"),
    [
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": {"a": 1}}}]}, False, 9),
        ({"function_call": {"name": "find"}}, False, 4),
        ({"refusal": "no"}, True, 2),
        ({"content": [{"type": "text", "text": "par"}, {"type": "text", "text": "ts"}]}, True, 5),
        ({"content": None, "reasoning_content": "hm", "tool_calls": None}, False, 2),
    ],
)
def test_output_is_output_in_every_shape(said: dict[str, Any], visible: bool, chars: int) -> None:
    """Arguments as an object, the older call of a function, a refusal, text in parts."""
    facts, _ = fed(CHAT, _events(delta(**said)))
    assert (list(facts.event_chars), facts.first_token_ns) == ([chars], 1)
    assert (facts.first_visible_ns is not None) == visible


def test_keep_alive_comments_are_no_tokens() -> None:
    """They arrive, they are counted as bytes, and that is all."""
    facts, _ = fed(CHAT, [chunked(b": keep-alive\n\n", b":\n\n", end=False), b""])
    assert facts.response_bytes > 0
    assert (facts.first_token_ns, facts.outcome, len(facts.event_ns)) == (None, None, 0)


def test_a_stream_is_read_when_there_is_time_and_at_the_latest_every_64_kb() -> None:
    """Until then its events wait with their instants, which are those of their reads all the same."""
    exchange = Exchange("sie", CHAT)
    exchange.feed(chunked(sse(delta(content="a")), end=False), 1)
    before = exchange.undecoded, len(exchange.facts.event_ns)
    exchange.decode()
    assert (before, exchange.undecoded) == ((True, 0), False)
    assert list(exchange.facts.event_ns) == [1]
    event = sse(delta(content="b" * 1000))
    for instant in range(2, 80):
        exchange.feed(b"%x\r\n%s\r\n" % (len(event), event), instant)
    assert list(exchange.facts.event_ns)[:60] == list(range(1, 61))


def test_events_in_one_read_are_counted_as_merged() -> None:
    """They share the stamp of their last byte; three in one read are two too many."""
    three = sse(delta(content="a"), delta(content="b"), delta(content="c"))
    facts, _ = fed(CHAT, [chunked(end=False), b"%x\r\n%s\r\n" % (len(three), three)])
    assert (facts.merged_events, list(facts.event_ns)) == (2, [1, 1, 1])
    apart, _ = fed(CHAT, _events(delta(content="a"), delta(content="b")))
    assert apart.merged_events == 0


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        ("first_chunk_timeout", ("timed_out", "first_byte_timeout")),
        ("inter_chunk_timeout", ("timed_out", "token_timeout")),
        ("overall_timeout", ("timed_out", "overall_timeout")),
        ("RESOURCE_EXHAUSTED", ("refused", "overloaded")),
        ("MODEL_LOADING", ("refused", "loading")),
        ("transport_failure", ("failed", "stream_error")),
        ("context_exceeded", ("failed", "permanent")),
        ("cancelled", ("failed", "stream_error")),
        (None, ("failed", "stream_error")),
        (400, ("failed", "stream_error")),
    ],
)
def test_an_error_inside_a_200_is_the_outcome(code: str | int | None, fate: tuple[str, str]) -> None:
    """By its code, in chat (finish_reason null) and in generate (seq 0 again), `[DONE]` or not."""
    error = {"message": "no", "type": "server_error", "param": None, "code": code}
    chat = sse(delta(content="a"), {**delta(), "error": error}) + DONE
    generate = sse(
        {"seq": 0, "text_delta": "a", "done": False},
        {"seq": 0, "text_delta": "", "done": True, "finish_reason": "error", "error": error},
    )
    for ask, body in ((CHAT, chat), (GENERATE, generate + DONE)):
        assert outcome(ask, chunked(body)) == fate
        facts, _ = fed(ask, chunked(body))
        # A code that is none gives way to the type.
        assert facts.error_code == (code if isinstance(code, str) else "server_error")
        assert facts.error_message == "no"


ENDED = sse(delta(content="a"), delta("stop"))


@pytest.mark.parametrize(
    ("kind", "body", "fate"),
    [
        ("sie", ENDED + sse(usage(1, 1)) + DONE, ("ok", None)),
        ("sie", ENDED + sse(usage(1, 1)), ("truncated", "no_done")),
        ("sie", ENDED + DONE, ("degraded", "missing_usage")),
        ("sie", sse(delta(content="a")), ("truncated", "no_done")),
        ("openai", ENDED + sse(usage(1, 1)) + DONE, ("ok", None)),
        ("openai", ENDED, ("ok", None)),
        ("openai", ENDED + DONE, ("ok", None)),
        ("openai", sse(delta(content="a")), ("truncated", "no_done")),
    ],
)
def test_how_a_chat_stream_must_end(kind: Kind, body: bytes, fate: tuple[str, str | None]) -> None:
    """The gateway owes `[DONE]` and usage; other servers owe a finish reason, and counts stay unknown."""
    assert outcome(CHAT, chunked(body), kind) == fate


def test_usage_on_the_finish_chunk_counts_too() -> None:
    """Some servers send it there."""
    facts, _ = fed(
        CHAT, chunked(sse({**delta("stop", content="a"), "usage": usage(3, 4)["usage"]})), "openai"
    )
    assert (facts.outcome, facts.in_tokens, facts.out_tokens) == ("ok", 3, 4)


def _part(seq: int, text: str, **terminal: object) -> dict[str, object]:
    return {"request_id": "r", "seq": seq, "text_delta": text, "done": bool(terminal), **terminal}


def test_a_generate_stream_ends_with_usage_and_the_server_s_own_ttft() -> None:
    """On its terminal event, which carries no text."""
    last = _part(2, "", finish_reason="length", usage=usage(7, 9)["usage"], ttft_ms=12.5)
    pieces = _events(_part(0, "Once"), _part(1, " upon"), last)
    facts, _ = fed(GENERATE, [*pieces, b"%x\r\n%s\r\n0\r\n\r\n" % (len(DONE), DONE)])
    assert (facts.outcome, facts.finish_reason, facts.server_ttft_ms) == ("ok", "length", 12.5)
    assert (facts.in_tokens, facts.out_tokens) == (7, 9)
    assert (list(facts.event_ns), list(facts.event_chars)) == ([1, 2], [4, 5])


@pytest.mark.parametrize(
    ("reply", "fate"),
    [
        (chunked(sse(_part(0, "a")), end=True), ("truncated", "no_done")),
        (chunked(sse(_part(0, "a")), end=False), ("truncated", "connection_lost")),
        (chunked(b": hello\n\n", end=False), ("failed", "connection_lost")),
        (chunked(b"data: {\n\n"), ("failed", "malformed")),
        (chunked(b"data: 5\n\n"), ("failed", "malformed")),
        (chunked(b"data: " + b"[" * 100_000 + b"\n\n"), ("failed", "malformed")),
        (chunked(sse({"text_delta": 5})), ("failed", "malformed")),
        (chunked(sse({"usage": {"completion_tokens": "12"}})), ("failed", "malformed")),
        (chunked(sse({"usage": {"completion_tokens": 2**31}})), ("failed", "malformed")),
        (chunked(sse({"done": True, "ttft_ms": "soon"})), ("failed", "malformed")),
    ],
)
def test_a_broken_generate_stream(reply: bytes, fate: tuple[str, str]) -> None:
    """Cut cleanly, cut in a chunk, cut before any event, or nonsense: each has its reason."""
    assert outcome(GENERATE, reply, close=True) == fate

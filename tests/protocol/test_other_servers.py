"""What OpenAI-compatible servers do differently, and must not count against them."""

from typing import Any

import pytest

from tests.protocol.wire import (
    CHAT,
    COMPLETION,
    DONE,
    answered,
    chunked,
    delta,
    fed,
    outcome,
    sse,
    text,
    until_close,
    usage,
)

SAID, STOP = delta(content="a"), delta("stop")
COUNTS = usage(3, 4)["usage"]
NO_CHOICES = {"choices": None, "usage": None}


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (sse(delta(role="assistant", content=""), SAID, STOP, usage(3, 4)) + DONE, 4),
        (sse(SAID, STOP), None),
        (sse(SAID, STOP) + DONE, None),
        (sse(SAID, {**STOP, "usage": COUNTS}) + DONE, 4),
        (sse({**SAID, "usage": None}, {**STOP, "usage": None}, usage(3, 4)) + DONE, 4),
        (sse({**SAID, "usage": usage(3, 1)["usage"]}, {**STOP, "usage": COUNTS}) + DONE, 4),
        (sse({**SAID, "usage": COUNTS}, {**STOP, "usage": {"prompt_tokens": 3}}) + DONE, 4),
        (sse(NO_CHOICES, {"choices": [{"index": 0, "delta": None}]}, SAID, STOP, usage(3, 4)) + DONE, 4),
        (sse({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}]}, STOP), None),
        (sse(SAID, STOP, {"choices": [], "timings": {}}, usage(3, 4)) + DONE, 4),
        (sse(SAID).replace(b"\n", b"\r\n") + sse(STOP).replace(b"\n", b"\r\n"), None),
        (sse(SAID, STOP, usage(3, 4)).replace(b"data: ", b"data:") + b"data:[DONE]\n\n", 4),
        (b": ping\n\nevent: message\nid: 7\n" + sse(SAID) + b"data:\n\n: ping\n\n" + sse(STOP), None),
        (sse(SAID, STOP) + b"data: [DONE] \n\n", None),
        (sse(SAID, STOP) + DONE + b"data: and more\n\n", None),
    ],
)
@pytest.mark.parametrize("close", [False, True])
def test_a_stream_with_habits_of_its_own_is_an_answer(body: bytes, tokens: int | None, close: bool) -> None:
    """With a finish reason it is whole: `[DONE]`, usage and the connection are the server's own affair."""
    facts, exchange = fed(CHAT, until_close(body) if close else chunked(body), "openai", close=close)
    assert exchange.done
    assert (facts.outcome, facts.reason, facts.finish_reason) == ("ok", None, "stop")
    assert (facts.out_tokens, facts.tokens_source) == (tokens, "usage" if tokens else None)
    assert list(facts.event_chars) == [1]


ERRORS: list[tuple[Any, str | None, tuple[str, str]]] = [
    (
        {"error": {"message": "no", "type": "server_error", "code": 500}},
        "server_error",
        ("failed", "stream_error"),
    ),
    (
        {"object": "error", "message": "no", "type": "Internal", "code": 500},
        "Internal",
        ("failed", "stream_error"),
    ),
    ({"error": "no", "error_type": "overloaded"}, "overloaded", ("refused", "overloaded")),
    ({"error": "it went wrong"}, None, ("failed", "stream_error")),
    ({"detail": "it went wrong"}, None, ("failed", "stream_error")),
    ({"detail": [{"msg": "bad", "type": "missing"}]}, "missing", ("failed", "stream_error")),
    ({"error": {"code": 503, "type": "unavailable_error"}}, "unavailable_error", ("refused", "loading")),
    ({"error": {"code": "QUEUE_FULL", "retry_after_s": 3}}, "QUEUE_FULL", ("refused", "overloaded")),
]


@pytest.mark.parametrize(("error", "code", "fate"), ERRORS)
@pytest.mark.parametrize("ask", [CHAT, COMPLETION], ids=["chat", "completion"])
def test_an_error_in_a_stream_is_one_in_any_envelope(ask: Any, error: Any, code: str, fate: Any) -> None:
    """And what comes after it, a finish reason or not, changes nothing."""
    for rest in (b"", DONE, sse(STOP) + DONE):
        facts, _ = fed(ask, chunked(sse(error) + rest), "openai")
        assert (facts.outcome, facts.reason) == fate
        assert facts.error_code == code
    assert facts.retry_after_s == (3.0 if code == "QUEUE_FULL" else None)


def test_an_error_in_a_field_of_its_own_is_one_too() -> None:
    """As llama.cpp sends it."""
    line = b'error: {"code": 500, "message": "no", "type": "server_error"}\n\n'
    facts, _ = fed(CHAT, chunked(sse(SAID), line), "openai")
    assert (facts.outcome, facts.reason, facts.error_code) == ("failed", "stream_error", "server_error")


def test_a_streamed_completion_is_read_like_a_chat() -> None:
    """Its text stands in the choice itself."""
    head, first, last = (
        chunked(end=False),
        sse(text(said="Once")),
        sse(text("length", ""), usage(2, 9)) + DONE,
    )
    framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (first, last)]
    facts, _ = fed(COMPLETION, [head, *framed, b"0\r\n\r\n"])
    assert (facts.outcome, facts.finish_reason, facts.out_tokens) == ("ok", "length", 9)
    assert (facts.first_token_ns, facts.first_visible_ns, list(facts.event_chars)) == (1, 1, [4])


def test_the_index_of_an_only_choice_means_nothing() -> None:
    """A server was seen that numbers its tokens there."""
    events = [text(said="a"), text(said="b"), text("stop")]
    for index, event in enumerate(events):
        event["choices"][0]["index"] = index
    assert outcome(COMPLETION, chunked(sse(*events) + DONE), "openai") == ("ok", None)


@pytest.mark.parametrize("kind", ["sie", "openai"])
def test_a_completion_cut_before_its_finish_reason_is_truncated(kind: Any) -> None:
    """`[DONE]` alone ends nothing: the gateway sends it after an error that it lost, too."""
    assert outcome(COMPLETION, chunked(sse(text(said="a")) + DONE), kind) == ("truncated", "no_done")
    cut_off = chunked(sse(text(said="a")), end=False)
    assert outcome(COMPLETION, cut_off, kind, close=True) == ("truncated", "connection_lost")


def test_a_completion_that_only_stops_has_lost_its_error() -> None:
    """The 0.4 gateway's habit; an empty answer that was counted is one, and so is that of other servers."""
    bare, counted = chunked(sse(text("stop")) + DONE), chunked(sse(text("stop"), usage(3, 0)) + DONE)
    assert outcome(COMPLETION, bare, "sie") == ("failed", "stream_error")
    assert outcome(COMPLETION, counted, "sie") == ("ok", None)
    assert outcome(COMPLETION, bare, "openai") == ("ok", None)


def test_a_proxy_s_page_is_a_failure() -> None:
    """HTML at 200, and HTML at 502 and 504."""
    page = answered(200, {}).replace(b"application/json", b"text/html").replace(b"{}", b"<>")
    assert outcome(CHAT, page, "openai") == ("failed", "malformed")
    for status, fate in [(502, ("failed", None)), (504, ("timed_out", "overall_timeout"))]:
        assert outcome(CHAT, page.replace(b" 200 ", b" %d " % status), "openai") == fate

"""Where the counts of tokens come from, and that nothing is counted from events."""

from typing import Any

import pytest

from bench.protocol import Ask, chars_per_token
from bench.protocol.facts import Kind
from tests.protocol.wire import (
    CHAT,
    DENSE,
    DONE,
    GENERATE,
    RESULTS,
    answered,
    asking,
    chunked,
    delta,
    fed,
    sse,
    usage,
)

ENDED = sse(delta(role="assistant", content="abcdefgh"), delta("stop"))
EMBEDDED = {"data": [{"embedding": [0.1]}] * 2}
SCORED = {"scores": [{"score": 0.5}]}


def _counts(ask: Ask, reply: bytes, kind: Kind = "sie") -> tuple[Any, ...]:
    facts, _ = fed(ask, reply, kind)
    return facts.in_tokens, facts.out_tokens, facts.tokens_source


@pytest.mark.parametrize("kind", ["sie", "openai"])
def test_usage_is_believed_and_its_lack_is_no_count(kind: Kind) -> None:
    """However many events there were."""
    assert _counts(CHAT, chunked(ENDED + sse(usage(3, 4)) + DONE), kind) == (3, 4, "usage")
    assert _counts(CHAT, chunked(ENDED + DONE), kind) == (None, None, None)
    silent = {"choices": [], "usage": {"total_tokens": 7}}
    assert _counts(CHAT, chunked(ENDED + sse(silent) + DONE), kind) == (None, None, None)


def test_no_usage_is_owed_where_none_was_asked_for() -> None:
    """`stream_usage: false`; a reply that is no stream, and generate, owe it all the same."""
    quiet = asking("chat", "hi", stream=True, stream_usage=False)
    facts, _ = fed(quiet, chunked(ENDED + DONE))
    assert (facts.outcome, facts.out_tokens) == ("ok", None)
    tree = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}
    whole = asking("chat", "hi", stream_usage=False)
    assert fed(whole, answered(200, tree))[0].reason == "missing_usage"
    done = sse({"text_delta": "a", "done": True, "finish_reason": "stop"}) + DONE
    assert fed(GENERATE, chunked(done))[0].reason == "missing_usage"


@pytest.mark.parametrize(
    ("ask", "tree", "counts"),
    [
        (asking("embed"), {**EMBEDDED, "usage": {"prompt_tokens": 7, "total_tokens": 7}}, (7, None, "usage")),
        (
            asking("embed"),
            {**EMBEDDED, "usage": {"total_tokens": 7, "completion_tokens": 0}},
            (7, None, "usage"),
        ),
        (asking("embed"), EMBEDDED, (None, None, None)),
        (asking("score"), {**SCORED, "usage": {"input_tokens": 9}}, (9, None, "usage")),
        (asking("score"), {**SCORED, "usage": {}}, (None, None, None)),
    ],
)
def test_items_have_input_tokens_only(ask: Ask, tree: Any, counts: tuple[Any, ...]) -> None:
    """By whichever name the server counts them."""
    assert _counts(ask, answered(200, tree), "openai") == counts


def test_the_gateway_s_embeddings_count_characters() -> None:
    """A quarter of them, which it calls usage: an estimate, and said to be one."""
    reply = answered(200, {**EMBEDDED, "usage": {"prompt_tokens": 7, "total_tokens": 7}})
    assert _counts(asking("embed"), reply, "sie") == (7, None, "estimate")
    assert _counts(asking("embed"), reply, "openai") == (7, None, "usage")


@pytest.mark.parametrize(("said", "source"), [("worker", "usage"), ("character_estimate", "estimate")])
@pytest.mark.parametrize("kind", ["sie", "openai"])
def test_newer_servers_say_who_counted(said: str, source: str, kind: Kind) -> None:
    """And are believed, either way."""
    reply = answered(200, {**EMBEDDED, "usage": {"prompt_tokens": 7, "sie_token_source": said}})
    assert _counts(asking("embed"), reply, kind) == (7, None, source)


@pytest.mark.parametrize(("units", "counts"), [("12", (12, None, "usage")), ("12.5", (None, None, None))])
def test_newer_gateways_count_items_in_a_header(units: str, counts: tuple[Any, ...]) -> None:
    """Where it is a whole number."""
    reply = answered(200, {"items": [DENSE] * 2}, x_sie_units_input_tokens=units)
    assert _counts(asking("encode"), reply) == counts


def test_an_estimate_is_made_only_where_asked_for_and_says_so() -> None:
    """From characters, of what was sent and of what came; usage is better wherever it is."""
    ask = asking("chat", "x" * 20, stream=True, chars_per_token=4.0)
    assert _counts(ask, chunked(ENDED + DONE), "openai") == (5, 2, "estimate")
    assert _counts(ask, chunked(ENDED + sse(usage(3, 4)) + DONE), "openai") == (3, 4, "usage")
    assert fed(ask, chunked(ENDED + DONE))[0].reason == "missing_usage"
    tree = {"choices": [{"message": {"content": "abcdefgh"}, "finish_reason": "stop"}]}
    whole = asking("chat", "x" * 20, chars_per_token=4.0)
    assert _counts(whole, answered(200, tree), "openai") == (5, 2, "estimate")
    items = asking("encode", "x" * 20, "y" * 20, chars_per_token=4.0)
    assert _counts(items, answered(200, {"items": [DENSE] * 2})) == (10, None, "estimate")


def test_a_short_answer_is_a_token_and_none_is_none() -> None:
    """An estimate of no text is 0, of any text at least 1."""
    ask = asking("chat", "x" * 20, stream=True, chars_per_token=4.0)
    assert _counts(ask, chunked(sse(delta("stop", content="a")) + DONE), "openai") == (5, 1, "estimate")
    assert _counts(ask, chunked(sse(delta("stop")) + DONE), "openai") == (5, 0, "estimate")


def test_what_failed_has_no_estimate() -> None:
    """A stream that was cut says nothing of how long it would have been."""
    ask = asking("chat", "hi", stream=True, chars_per_token=4.0)
    assert _counts(ask, chunked(sse(delta(content="a"))), "openai") == (None, None, None)


@pytest.mark.parametrize(
    ("ask", "tree", "length"),
    [
        (
            asking("embed", "x" * 30, "y" * 10),
            {"usage": {"prompt_tokens": 8, "sie_token_source": "worker"}},
            5.0,
        ),
        (asking("embed", "x" * 30, "y" * 10), {"usage": {"prompt_tokens": 8}}, None),
        (asking("encode", "x" * 30, "y" * 10), {"usage": {"input_tokens": 8}}, 5.0),
        (asking("encode", "x" * 30, "y" * 10), {}, None),
        (asking("encode", "x" * 30, "y" * 10, chars_per_token=4.0), {}, None),
        (asking("generate", "x" * 40), {"usage": {"prompt_tokens": 8, "completion_tokens": 1}}, 5.0),
        (asking("chat", "x" * 40), {"usage": {"prompt_tokens": 8, "completion_tokens": 1}}, 5.0),
        (asking("chat", "x", params={"tools": [{}]}), {"usage": {"prompt_tokens": 8}}, None),
        (asking("score", "q"), {"usage": {"input_tokens": 0}}, None),
        (asking("score", "q", "x"), {"usage": {"input_tokens": 8}}, None),
    ],
)
def test_the_length_of_a_token_is_learned_from_what_was_counted_and_nothing_else(
    ask: Ask, tree: Any, length: float | None
) -> None:
    """Over all texts; not from estimates, tools, or queries counted anew for each document."""
    facts, _ = fed(ask, answered(200, RESULTS[ask.operation] | {"usage": None} | tree))
    assert chars_per_token((ask, facts)) == length


@pytest.mark.parametrize(("short_tokens", "length"), [(13, 4.0), (108, 400 / 108), (None, 400 / 108)])
def test_a_chat_s_template_is_no_part_of_the_length_of_a_token(
    short_tokens: int | None, length: float
) -> None:
    """Eight tokens beside 100 of 4 characters, by a second request; counts that cannot be are passed over."""
    long, short = asking("chat", "x" * 400), asking("chat", "x" * 20)
    said = {"prompt_tokens": 108, "completion_tokens": 1}
    facts, _ = fed(long, answered(200, RESULTS["chat"] | {"usage": said}))
    usage = short_tokens and said | {"prompt_tokens": short_tokens}
    fewer, _ = fed(short, answered(200, RESULTS["chat"] | {"usage": usage}))
    assert chars_per_token((long, facts), (short, fewer)) == length

from typing import Any

import msgpack
import pytest

from tests.protocol.wire import answered, asking, fed, outcome, sized

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
CHAT = asking("chat", "hi")
GENERATE = asking("generate", "hi")
ENCODE = asking("encode", "a", "b", "c")
SCORE = asking("score", "query", "a", "b")
VECTOR = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2], b"data": bytes(8)}


def test_a_whole_chat() -> None:
    """Finish reason and usage; no instant of a token, because there was no stream."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "length"}
    facts, _ = fed(CHAT, answered(200, {"choices": [choice], "usage": USAGE}, x_sie_request_id="r-1"))
    assert (facts.outcome, facts.finish_reason, facts.in_tokens, facts.out_tokens) == ("ok", "length", 3, 4)
    assert (facts.first_token_ns, len(facts.event_ns), facts.request_id) == (None, 0, "r-1")


def test_a_whole_generate_tells_what_only_it_can() -> None:
    """The server's own ttft and tpot, and the attempt."""
    tree = {"model": "m", "text": "t", "finish_reason": "stop", "usage": USAGE, "attempt_id": "a-1"}
    facts, _ = fed(GENERATE, answered(200, {**tree, "ttft_ms": 10, "tpot_ms": 2.5}))
    assert (facts.outcome, facts.attempt_id) == ("ok", "a-1")
    assert (facts.server_ttft_ms, facts.server_tpot_ms) == (10.0, 2.5)
    bare, _ = fed(GENERATE, answered(200, tree))
    assert (bare.outcome, bare.server_ttft_ms, bare.server_tpot_ms) == ("ok", None, None)


@pytest.mark.parametrize("ask", [CHAT, GENERATE], ids=["chat", "generate"])
def test_a_whole_reply_without_usage_is_degraded_from_the_gateway_only(ask: Any) -> None:
    """As for streams: other servers may leave it out, and then counts are unknown."""
    reply = answered(200, {"choices": [{"finish_reason": "stop"}], "finish_reason": "stop"})
    assert outcome(ask, reply, "sie") == ("degraded", "missing_usage")
    assert outcome(ask, reply, "openai") == ("ok", None)
    assert fed(ask, reply, "openai")[0].out_tokens is None


@pytest.mark.parametrize("content_type", ["application/x-msgpack", "application/msgpack"])
def test_an_encode_in_msgpack_with_arrays(content_type: str) -> None:
    """Arrays are maps with binary keys; gateway and worker name the type differently."""
    body = msgpack.packb(
        {"model": "m", "items": [{"dense": {"dims": 2, "dtype": "float32", "values": VECTOR}}] * 3}
    )
    assert b"\xc4\x02nd\xc3" in body
    facts, _ = fed(
        ENCODE, sized(body, content_type=content_type, x_queue_time="1.5", x_inference_time="20.0")
    )
    assert (facts.outcome, facts.items_returned) == ("ok", 3)
    assert (facts.server_queue_ms, facts.server_inference_ms) == (1.5, 20.0)


def test_an_encode_in_json() -> None:
    """The reply's own type decides, not what was asked for."""
    facts, _ = fed(ENCODE, answered(200, {"items": [{"dense": {"values": [0.1, 0.2]}}] * 3}))
    assert (facts.outcome, facts.items_returned) == ("ok", 3)


@pytest.mark.parametrize(
    ("ask", "tree"),
    [(ENCODE, {"items": [1, 2]}), (SCORE, {"scores": [1]}), (ENCODE, {"items": []})],
)
def test_a_short_list_is_degraded(ask: Any, tree: Any) -> None:
    """The gateway removes failed items silently, and says 200."""
    for reply in (answered(200, tree), sized(msgpack.packb(tree), content_type="application/x-msgpack")):
        assert outcome(ask, reply) == ("degraded", "short_items")
        assert fed(ask, reply)[0].items_returned == len(next(iter(tree.values())))


def test_a_score_owes_one_for_each_document_and_none_for_the_query() -> None:
    """Two documents, two scores."""
    scores = [{"item_id": "item-1", "score": 0.9, "rank": 0}, {"item_id": "item-0", "score": 0.1, "rank": 1}]
    facts, _ = fed(SCORE, answered(200, {"model": "m", "scores": scores}))
    assert (facts.outcome, facts.items_returned) == ("ok", 2)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-1e999"])
def test_a_timing_header_without_a_number_is_unknown(value: str) -> None:
    """It is no reason to lose a good reply."""
    facts, _ = fed(ENCODE, answered(200, {"items": [1, 2, 3]}, x_queue_time=value))
    assert (facts.outcome, facts.server_queue_ms) == ("ok", None)


@pytest.mark.parametrize(
    "reply",
    [
        answered(200, []),
        answered(200, {"vectors": []}),
        answered(200, {"items": 5}),
        sized(b"", 200),
        sized(b"<html>", 200, "text/html"),
        sized(b"[" * 100_000, 200),
        sized(b"\x81\xa5items", 200, "application/x-msgpack"),
        sized(b"\x91" * 5000, 200, "application/x-msgpack"),
        sized(b"\xdf\xff\xff\xff\xff", 200, "application/x-msgpack"),
        sized(b'{"items": [1, 2, 3]}', 200, "application/x-msgpack"),
    ],
)
def test_a_200_that_is_no_result_is_malformed(reply: bytes) -> None:
    """Wrong shape, wrong type, cut short, nested without end."""
    assert outcome(ENCODE, reply) == ("failed", "malformed")
    assert fed(ENCODE, reply)[0].error_message

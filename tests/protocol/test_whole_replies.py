from typing import Any

import msgpack
import pytest

from bench.protocol import Ask
from tests.protocol.wire import DENSE, answered, asking, fed, outcome, sized

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
    reply = answered(200, {"choices": [{"finish_reason": "stop"}], "text": "t", "finish_reason": "stop"})
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
    facts, _ = fed(ENCODE, answered(200, {"items": [DENSE] * 3}))
    assert (facts.outcome, facts.items_returned) == ("ok", 3)


SCORED = {"item_id": "item-0", "score": 0.0, "rank": 0}
RANKED = {"index": 0, "relevance_score": 0.0}
EMBEDDED = {"object": "embedding", "index": 0, "embedding": [0.1]}
FOUND: dict[str, Any] = {"entities": [], "relations": []}
PROBLEM = {"code": "INPUT_TOO_LONG", "message": "too long"}
LISTS: list[tuple[Ask, str, dict[str, Any]]] = [
    (asking("encode", "a", "b"), "items", DENSE),
    (asking("extract", "a", "b"), "items", FOUND),
    (asking("score", "q", "a", "b"), "scores", SCORED),
    (asking("rerank", "q", "a", "b"), "results", RANKED),
    (asking("embed", "a", "b"), "data", EMBEDDED),
]


@pytest.mark.parametrize(("ask", "key", "entry"), LISTS, ids=lambda one: getattr(one, "operation", ""))
def test_a_list_owes_an_entry_for_each_item(ask: Ask, key: str, entry: dict[str, Any]) -> None:
    """The gateway leaves out what failed and says 200; none at all is no answer, more is nonsense."""
    fates = [("failed", "short_items"), ("degraded", "short_items"), ("ok", None), ("failed", "malformed")]
    for count, fate in enumerate(fates):
        tree = {"model": "m", key: [entry] * count}
        for reply in (answered(200, tree), sized(msgpack.packb(tree), content_type="application/x-msgpack")):
            assert outcome(ask, reply) == fate
            assert fed(ask, reply)[0].items_returned == (None if count > 2 else count)


@pytest.mark.parametrize(("ask", "key", "entry"), LISTS, ids=lambda one: getattr(one, "operation", ""))
def test_an_entry_that_is_an_error_is_no_result(ask: Ask, key: str, entry: dict[str, Any]) -> None:
    """Its place is kept, and its code tells why."""
    facts, _ = fed(ask, answered(200, {key: [entry, {**entry, "error": PROBLEM}]}))
    assert (facts.outcome, facts.reason, facts.items_returned) == ("degraded", "short_items", 1)
    assert (facts.error_code, facts.error_message) == ("INPUT_TOO_LONG", "too long")


@pytest.mark.parametrize(
    ("ask", "key", "entry"),
    [
        (asking("encode", "a"), "items", {"sparse": {"indices": [], "values": []}}),
        (asking("encode", "a", params={"output_types": ["dense", "sparse"]}), "items", DENSE),
        (asking("embed", "a"), "data", {"index": 0, "embedding": []}),
        (asking("score", "q", "a"), "scores", {"item_id": "item-0", "score": None}),
        (asking("score", "q", "a"), "scores", {"item_id": "item-0", "score": float("nan")}),
        (asking("rerank", "q", "a"), "results", {"index": 0}),
    ],
)
def test_an_entry_without_what_was_asked_for_is_no_result(ask: Ask, key: str, entry: Any) -> None:
    """A vector of another kind, an empty one, a score that is none."""
    assert outcome(ask, answered(200, {key: [entry]})) == ("failed", "short_items")


def test_other_kinds_of_vectors_and_base64_are_results() -> None:
    """What was asked for, and nothing else, is due."""
    kinds = ["sparse", "multivector"]
    item = {"sparse": {"indices": [1], "values": [0.5]}, "multivector": {"values": [[0.1]]}}
    ask = asking("encode", "a", params={"output_types": kinds})
    assert outcome(ask, answered(200, {"items": [item]})) == ("ok", None)
    assert outcome(asking("embed", "a"), answered(200, {"data": [{"embedding": "AACAPw=="}]})) == ("ok", None)


def test_a_ranking_that_is_cut_owes_the_best_only() -> None:
    """More, up to all documents, is a server that does not cut."""
    ask = asking("rerank", "q", "a", "b", "c", params={"top_n": 2})
    fates = [("degraded", "short_items"), ("ok", None), ("ok", None), ("failed", "malformed")]
    for count, fate in enumerate(fates, 1):
        assert outcome(ask, answered(200, {"results": [RANKED] * count})) == fate


def test_a_score_owes_one_for_each_document_and_none_for_the_query() -> None:
    """Two documents, two scores."""
    scores = [{"item_id": "item-1", "score": 0.9, "rank": 0}, {"item_id": "item-0", "score": 0.1, "rank": 1}]
    facts, _ = fed(SCORE, answered(200, {"model": "m", "scores": scores}))
    assert (facts.outcome, facts.items_returned) == ("ok", 2)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-1e999"])
def test_a_timing_header_without_a_number_is_unknown(value: str) -> None:
    """It is no reason to lose a good reply."""
    facts, _ = fed(ENCODE, answered(200, {"items": [DENSE] * 3}, x_queue_time=value))
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


@pytest.mark.parametrize("value", [10**400, 1e300, float("inf"), True, "soon", [1]])
def test_a_number_that_no_column_holds_is_malformed(value: Any) -> None:
    """Before it is lost in a conversion."""
    tree = {"text": "t", "finish_reason": "stop", "usage": USAGE, "ttft_ms": value}
    assert outcome(GENERATE, answered(200, tree)) == ("failed", "malformed")


WHOLE: list[tuple[Ask, Any]] = [
    *((ask, {key: [entry] * 2}) for ask, key, entry in LISTS),
    (CHAT, {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": USAGE}),
    (asking("completion", "hi"), {"choices": [{"text": "hi", "finish_reason": "stop"}], "usage": USAGE}),
    (GENERATE, {"text": "hi", "finish_reason": "stop", "usage": USAGE}),
]


@pytest.mark.parametrize(("ask", "tree"), WHOLE, ids=lambda one: getattr(one, "operation", ""))
def test_a_200_that_is_an_error_is_no_result(ask: Ask, tree: Any) -> None:
    """In any envelope, also beside what looks like a result; a null error is none."""
    assert outcome(ask, answered(200, {**tree, "error": None})) == ("ok", None)
    assert outcome(ask, answered(200, {**tree, "error": "it went wrong"})) == ("failed", None)
    for envelope in ({"error": PROBLEM}, {"detail": PROBLEM}, {"object": "error", **PROBLEM}):
        facts, _ = fed(ask, answered(200, envelope))
        assert (facts.outcome, facts.reason, facts.error_code) == ("failed", "permanent", "INPUT_TOO_LONG")
    assert outcome(ask, answered(200, {"error": {"code": "MODEL_LOADING"}})) == ("refused", "loading")


@pytest.mark.parametrize("reason", ["error", "cancelled", "abort"])
def test_a_generation_that_ended_in_an_error_failed(reason: str) -> None:
    """Whatever text and usage came with it."""
    tree = {"text": "t", "finish_reason": reason, "usage": USAGE}
    assert outcome(GENERATE, answered(200, tree)) == ("failed", None)
    choice = {"message": {"content": "t"}, "finish_reason": reason}
    assert outcome(CHAT, answered(200, {"choices": [choice], "usage": USAGE})) == ("failed", None)


def test_several_choices_are_owed_where_several_were_asked() -> None:
    """Fewer are short, more are nonsense."""
    ask, choice = (
        asking("chat", "hi", params={"n": 2}),
        {"message": {"content": "a"}, "finish_reason": "stop"},
    )
    for count, fate in [(1, ("degraded", "short_items")), (2, ("ok", None)), (3, ("failed", "malformed"))]:
        assert outcome(ask, answered(200, {"choices": [choice] * count, "usage": USAGE})) == fate


@pytest.mark.parametrize("stream", [False, True])
def test_a_whole_reply_to_a_streamed_request_is_an_answer_without_instants(stream: bool) -> None:
    """Some servers stream nothing that calls a tool."""
    tree = {"choices": [{"message": {"content": None, "tool_calls": []}, "finish_reason": "tool_calls"}]}
    facts, _ = fed(asking("chat", "hi", stream=stream), answered(200, {**tree, "usage": USAGE}), "openai")
    assert (facts.outcome, facts.out_tokens, facts.first_token_ns) == ("ok", 4, None)

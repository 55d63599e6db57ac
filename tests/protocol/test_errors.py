from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.protocol import BY_CODE, judge
from tests.protocol.wire import OPERATIONS, answered, asking, fed, outcome, sized

ENCODE = asking("encode")
PROVISIONING = {"status": "provisioning", "gpu": "l4", "estimated_wait_s": 180, "message": "starting"}
LOAD_FAILED = {"error": {"code": "MODEL_LOAD_FAILED", "message": "no", "permanent": True}}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_202_did_nothing(operation: Any, stream: bool) -> None:
    """It is no success, though its class says so, and it comes to streamed requests too."""
    facts, _ = fed(asking(operation, stream=stream), answered(202, PROVISIONING, retry_after="120"))
    assert (facts.outcome, facts.reason, facts.status) == ("refused", "provisioning", 202)
    assert (facts.retry_after_s, facts.error_message) == (120, "starting")


ALL_FAILED = {"error": "all_items_failed", "details": [{"item_index": 0, "error": "too long"}]}


def _items_failed(*codes: str | None) -> dict[str, Any]:
    details = [{"item_index": i, "error": f"e{i}", "code": code} for i, code in enumerate(codes)]
    return {"error": "all_items_failed", "details": details}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"detail": {"code": "MODEL_NOT_FOUND", "message": "who?"}}, "MODEL_NOT_FOUND", "who?"),
        ({"error": {"code": "MODEL_LOADING", "message": "wait"}}, "MODEL_LOADING", "wait"),
        ({"error": {"message": "no", "type": "t", "param": None, "code": "invalid"}}, "invalid", "no"),
        ({"error": {"message": "no", "type": "server_error", "code": None}}, "server_error", "no"),
        ({"error": {"message": "no", "type": "BadRequestError", "code": 400}}, "BadRequestError", "no"),
        ({"error": {"message": "no", "code": 400}}, "400", "no"),
        (ALL_FAILED, "all_items_failed", "too long"),
        (_items_failed("INPUT_TOO_LONG", "INPUT_TOO_LONG"), "INPUT_TOO_LONG", "e0"),
        (_items_failed("MODEL_LOADING", "OTHER"), "all_items_failed", "e0"),
        (_items_failed("MODEL_LOADING", None), "all_items_failed", "e0"),
        ({"error": "all_items_failed", "details": 5}, "all_items_failed", None),
        ({"error": "the queue is full", "error_type": "overloaded"}, "overloaded", "the queue is full"),
        ({"error": "it went wrong"}, None, "it went wrong"),
        ({"object": "error", "message": "no", "type": "NotFoundError", "code": 404}, "NotFoundError", "no"),
        ({"object": "error"}, None, None),
        ({"detail": "Not Found"}, None, "Not Found"),
        ({"detail": [{"loc": ["body"], "msg": "bad", "type": "missing"}]}, "missing", "bad"),
        ({"detail": ["bad"]}, None, "bad"),
        ({"detail": []}, None, None),
        ({"message": "no"}, None, "no"),
        ({"error": {"code": ["a"], "message": {"b": 1}}}, '["a"]', '{"b": 1}'),
        ({"error": 5}, "5", None),
        ({"error": {"code": "X", "message": "m" * 9999}}, "X", "m" * 500),
        ([], None, None),
        (None, None, None),
    ],
)
def test_code_and_message_are_found_in_every_envelope(
    body: Any, code: str | None, message: str | None
) -> None:
    """The four of the gateway, and what other servers send."""
    facts, _ = fed(ENCODE, answered(500, body))
    assert (facts.error_code, facts.error_message) == (code, message)
    assert facts.outcome == ("refused" if code in {"MODEL_LOADING", "overloaded"} else "failed")


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        ("120", None, 120.0),
        ("0", None, 0.0),
        ("1.5", None, 1.5),
        ("-5", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("1e3", None, None),
        ("1_000", None, None),
        ("9" * 400, None, None),
        ("soon", None, None),
        ("", None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 08:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "today", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:30 GMT", None),
        ("GMT", "GMT", None),
    ],
)
def test_when_to_come_again(retry_after: str, date: str | None, seconds: float | None) -> None:
    """In seconds, or a date that counts from the reply's own; nonsense counts as absent, 0 does not."""
    headers = {"retry_after": retry_after} | ({"date": date} if date else {})
    facts, _ = fed(ENCODE, answered(503, {}, **headers))
    assert facts.retry_after_s == seconds
    fate = ("failed", "permanent") if seconds is None else ("refused", "overloaded")
    assert (facts.outcome, facts.reason) == fate


@given(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))
    | st.from_regex(r"[0-9 :a-zA-Z,]* GMT", fullmatch=True),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")),
)
def test_any_headers_of_an_error_are_read_without_harm(retry_after: str, date: str) -> None:
    """A number of seconds that the record can hold, or none."""
    headers = f"retry-after: {retry_after}\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n"
    facts, exchange = fed(ENCODE, b"HTTP/1.1 503 No\r\n" + headers.encode("latin-1"), close=True)
    assert exchange.done
    assert facts.retry_after_s is None or 0 <= facts.retry_after_s < 3.5e38


def test_the_header_s_code_comes_first() -> None:
    """Where the gateway sends one, the body is only words."""
    facts, _ = fed(ENCODE, answered(503, LOAD_FAILED, x_sie_error_code="PROVISIONING", retry_after="60"))
    assert (facts.error_code, facts.outcome, facts.reason) == ("PROVISIONING", "refused", "provisioning")


@pytest.mark.parametrize(
    ("status", "code", "retry_after", "fate"),
    [
        (503, "PROVISIONING", "60", ("refused", "provisioning")),
        (503, "provisioning", "60", ("refused", "provisioning")),
        (503, "MODEL_LOADING", "5", ("refused", "loading")),
        (503, "LORA_LOADING", "5", ("refused", "loading")),
        (503, "RESOURCE_EXHAUSTED", "5", ("refused", "overloaded")),
        (503, "QUEUE_UNAVAILABLE", "120", ("refused", "overloaded")),
        (503, "QUEUE_UNAVAILABLE", None, ("failed", "permanent")),
        (503, "GPU_NOT_CONFIGURED", None, ("failed", "permanent")),
        (503, "GPU_NOT_CONFIGURED", "5", ("failed", "permanent")),
        (503, "POOL_CAPACITY_UNAVAILABLE", None, ("failed", "permanent")),
        (503, None, "5", ("refused", "overloaded")),
        (503, None, "soon", ("failed", "permanent")),
        (429, "rate_limit_exceeded", "1", ("refused", "overloaded")),
        (429, None, None, ("refused", "overloaded")),
        (502, "MODEL_LOAD_FAILED", None, ("failed", "load_failed")),
        (502, "inter_chunk_timeout", None, ("timed_out", "token_timeout")),
        (502, None, None, ("failed", None)),
        (504, "first_chunk_timeout", None, ("timed_out", "first_byte_timeout")),
        (504, "overall_timeout", None, ("timed_out", "overall_timeout")),
        (504, "GATEWAY_TIMEOUT", "5", ("timed_out", "overall_timeout")),
        (504, "transport_failure", None, ("failed", None)),
        (504, None, None, ("timed_out", "overall_timeout")),
        (503, "transport_failure", "5", ("refused", "overloaded")),
        (503, "unavailable_error", None, ("refused", "loading")),
        (503, "QUEUE_FULL", None, ("refused", "overloaded")),
        (503, "ACCOUNT_STATE_UNAVAILABLE", "5", ("failed", "permanent")),
        (408, "cancelled", None, ("failed", None)),
        (429, "insufficient_quota", None, ("failed", "permanent")),
        (413, "PAYLOAD_TOO_LARGE", None, ("failed", "permanent")),
        (402, None, None, ("failed", "permanent")),
        (500, "INPUT_TOO_LONG", None, ("failed", "permanent")),
        (500, "inference_error", None, ("failed", None)),
        (400, "INVALID_REQUEST", None, ("failed", "permanent")),
        (401, "UNAUTHORIZED", None, ("failed", "permanent")),
        (404, "MODEL_NOT_FOUND", None, ("failed", "permanent")),
        (500, "all_items_failed", None, ("failed", None)),
        (301, None, None, ("failed", None)),
        (204, None, None, ("failed", None)),
    ],
)
def test_what_a_refusal_means(status: int, code: str | None, retry_after: str | None, fate: Any) -> None:
    """The code decides, then the status and whether the server says when to come again."""
    headers = {"retry_after": retry_after} if retry_after else {}
    body = b"" if status == 204 else b'{"error": {"code": "%s"}}' % code.encode() if code else b"{}"
    reply = sized(body, status, **headers) if status != 204 else b"HTTP/1.1 204 No Content\r\n\r\n"
    assert outcome(ENCODE, reply) == fate


def test_an_error_is_json_even_where_msgpack_was_asked() -> None:
    """Every encode, score and extract asks for msgpack."""
    facts, _ = fed(asking("score"), answered(503, LOAD_FAILED))
    assert (facts.error_code, facts.outcome, facts.reason) == ("MODEL_LOAD_FAILED", "failed", "load_failed")


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"\xff\xfe", b"[" * 100_000, b""])
def test_an_error_without_json_keeps_its_first_words(body: bytes) -> None:
    """A proxy in between speaks HTML."""
    facts, _ = fed(ENCODE, sized(body, 502, "text/html"))
    assert (facts.outcome, facts.reason, facts.error_code) == ("failed", None, None)
    assert len(facts.error_message or "") <= 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_credentials_are_refused_alike_on_every_route(operation: Any) -> None:
    """In the gateway's native envelope, also where the route speaks OpenAI's."""
    reply = answered(401, {"detail": {"code": "UNAUTHORIZED", "message": "Invalid token"}})
    facts, _ = fed(asking(operation, stream=True), reply)
    assert (facts.outcome, facts.reason, facts.error_code) == ("failed", "permanent", "UNAUTHORIZED")


@settings(max_examples=60)
@given(
    st.integers(100, 999),
    st.none() | st.text(max_size=9) | st.sampled_from(sorted(BY_CODE)),
    st.none() | st.floats(0, 99),
)
def test_every_refusal_has_a_meaning_and_case_does_not_matter(
    status: int, code: str | None, retry_after_s: float | None
) -> None:
    """Nothing that is not 200 is ever ok."""
    meaning = judge(status, code, retry_after_s)
    assert meaning.outcome in {"refused", "failed", "timed_out"}
    if code and code.isascii():
        assert judge(status, code.upper(), retry_after_s) == meaning

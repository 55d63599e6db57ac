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


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"detail": {"code": "MODEL_NOT_FOUND", "message": "who?"}}, "MODEL_NOT_FOUND", "who?"),
        ({"error": {"code": "MODEL_LOADING", "message": "wait"}}, "MODEL_LOADING", "wait"),
        ({"error": {"message": "no", "type": "t", "param": None, "code": "invalid"}}, "invalid", "no"),
        ({"error": "all_items_failed", "details": [{"item_index": 0}]}, "all_items_failed", None),
        ({"error": {"message": "no", "code": 400}}, "400", "no"),
        ({"detail": "Not Found"}, "Not Found", None),
        ({"detail": [{"loc": ["body"], "msg": "bad"}]}, '[{"loc": ["body"], "msg": "bad"}]', None),
        ({"message": "no"}, None, "no"),
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
    assert facts.outcome == ("refused" if code == "MODEL_LOADING" else "failed")


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
    """Every encode and score asks for msgpack."""
    facts, _ = fed(asking("score"), answered(503, LOAD_FAILED))
    assert (facts.error_code, facts.outcome, facts.reason) == ("MODEL_LOAD_FAILED", "failed", "load_failed")


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"\xff\xfe", b"[" * 100_000, b""])
def test_an_error_without_json_keeps_its_first_words(body: bytes) -> None:
    """A proxy in between speaks HTML."""
    facts, _ = fed(ENCODE, sized(body, 502, "text/html"))
    assert (facts.outcome, facts.reason, facts.error_code) == ("failed", None, None)
    assert len(facts.error_message or "") <= 200


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

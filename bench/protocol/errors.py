"""What a refusal means: outcome and reason from status, headers and any of four envelopes.

Gateways reuse status classes freely (a 202 that did nothing, a 503 that will never heal), so the code decides
wherever there is one.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.protocol.facts import Facts


class Meaning(NamedTuple):
    """Outcome and reason, in the words of the run folder."""

    outcome: str
    reason: str | None


_LOADING = Meaning("refused", "loading")
_OVERLOADED = Meaning("refused", "overloaded")
_PERMANENT = Meaning("failed", "permanent")
_FIRST = Meaning("timed_out", "first_byte_timeout")
_BETWEEN = Meaning("timed_out", "token_timeout")
_OVERALL = Meaning("timed_out", "overall_timeout")

BY_CODE: Mapping[str, Meaning] = {
    "provisioning": Meaning("refused", "provisioning"),
    "model_loading": _LOADING,
    "lora_loading": _LOADING,
    "resource_exhausted": _OVERLOADED,
    "queue_full": _OVERLOADED,
    "rate_limit": _OVERLOADED,
    "rate_limit_exceeded": _OVERLOADED,
    "model_load_failed": Meaning("failed", "load_failed"),
    "gpu_not_configured": _PERMANENT,
    "pool_capacity_unavailable": _PERMANENT,
    "first_chunk_timeout": _FIRST,
    "inter_chunk_timeout": _BETWEEN,
    "overall_timeout": _OVERALL,
    "gateway_timeout": _OVERALL,
}


def judge(status: int, code: str | None, retry_after_s: float | None) -> Meaning:
    """What an answer other than 200 means."""
    if status == 202:
        return BY_CODE["provisioning"]
    if code and code.lower() in BY_CODE:
        return BY_CODE[code.lower()]
    if status == 429 or (status == 503 and retry_after_s is not None):
        return _OVERLOADED
    return _PERMANENT if 400 <= status < 500 or status == 503 else Meaning("failed", None)


def judge_in_stream(code: str | None) -> Meaning:
    """What an error inside a 200 stream means."""
    return BY_CODE.get((code or "").lower(), Meaning("failed", "stream_error"))


def read_error(facts: Facts, headers: Mapping[str, str], body: bytes) -> None:
    """Settle a reply whose status is not 200. Its body is JSON, whatever was asked for, or nothing known."""
    status = facts.status or 0
    facts.retry_after_s = _seconds(headers.get("retry-after"))
    code, facts.error_message = code_and_message(body)
    facts.error_code = headers.get("x-sie-error-code") or code
    facts.settle(*judge(status, facts.error_code, facts.retry_after_s))


def code_and_message(body: bytes) -> tuple[str | None, str | None]:
    """The code and the message of an error body, in any of its envelopes."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return None, body[:200].decode(errors="replace") or None
    if not isinstance(tree, dict):
        return None, None
    envelope: Any = tree.get("error") or tree.get("detail")
    if isinstance(envelope, dict):
        return as_text(envelope.get("code")), as_text(envelope.get("message"))
    return as_text(envelope), as_text(tree.get("message"))


def as_text(value: Any) -> str | None:
    """A word as it is, anything else (a code may be a number) as JSON."""
    return value if isinstance(value, str) else None if value is None else json.dumps(value)[:200]


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; an HTTP date, a negative number or nonsense counts as absent."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None

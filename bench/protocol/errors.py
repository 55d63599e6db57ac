"""What a refusal means: outcome and reason from status, headers and code.

Gateways reuse status classes freely (a 202 that did nothing, a 503 that will never heal), so the code decides
wherever there is one.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from bench.protocol.envelopes import Problem, problem_in
from bench.protocol.facts import Facts
from bench.protocol.values import MAX_NUMBER


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

_NEVER_HEALS = (
    *("gpu_not_configured", "pool_capacity_unavailable", "account_state_unavailable", "insufficient_quota"),
    *("invalid_request", "invalid_input", "input_too_long", "unsupported_field", "context_exceeded"),
    *("model_not_found", "bundle_not_found", "pool_not_found", "unknown_lora_adapter", "payload_too_large"),
    *("unauthorized", "forbidden", "bundle_routing_conflict"),
)

BY_CODE: Mapping[str, Meaning] = {
    "provisioning": Meaning("refused", "provisioning"),
    "model_loading": _LOADING,
    "lora_loading": _LOADING,
    "unavailable_error": _LOADING,
    "resource_exhausted": _OVERLOADED,
    "queue_full": _OVERLOADED,
    "overloaded": _OVERLOADED,
    "billing_capacity_unavailable": _OVERLOADED,
    "rate_limit": _OVERLOADED,
    "rate_limit_exceeded": _OVERLOADED,
    "model_load_failed": Meaning("failed", "load_failed"),
    "first_chunk_timeout": _FIRST,
    "inter_chunk_timeout": _BETWEEN,
    "overall_timeout": _OVERALL,
    "gateway_timeout": _OVERALL,
    **dict.fromkeys(_NEVER_HEALS, _PERMANENT),
}
"""Codes in lower case. `unavailable_error` is llama.cpp's word for a model that is still loading."""


def judge(status: int, code: str | None, retry_after_s: float | None) -> Meaning:
    """What an answer other than 200 means."""
    if status == 202:
        return BY_CODE["provisioning"]
    if code and code.lower() in BY_CODE:
        return BY_CODE[code.lower()]
    if status == 429 or (status == 503 and retry_after_s is not None):
        return _OVERLOADED
    if status == 504 and code is None:
        return _OVERALL
    if status == 408:
        return Meaning("failed", None)
    return _PERMANENT if 400 <= status < 500 or status == 503 else Meaning("failed", None)


def judge_in_stream(code: str | None) -> Meaning:
    """What an error inside a 200 stream means."""
    return BY_CODE.get((code or "").lower(), Meaning("failed", "stream_error"))


def judge_in_result(code: str | None) -> Meaning:
    """What an error in place of a result means, though the status says 200."""
    return BY_CODE.get((code or "").lower(), Meaning("failed", None))


def read_error(facts: Facts, headers: Mapping[str, str], body: bytes) -> None:
    """Settle a reply whose status is not 200. Its body is JSON, whatever was asked for, or nothing known."""
    status = facts.status or 0
    facts.retry_after_s = _retry_after_s(headers)
    note(facts, problem_of(body), headers.get("x-sie-error-code"))
    facts.settle(*judge(status, facts.error_code, facts.retry_after_s))


def note(facts: Facts, problem: Problem, code: str | None = None) -> None:
    """Keep what an error says; a `code` from elsewhere comes first."""
    facts.error_code, facts.error_message = code or problem.code, problem.message
    if problem.retry_after_s is not None:
        facts.retry_after_s = problem.retry_after_s


def problem_of(body: bytes) -> Problem:
    """What an error body says; one that is not JSON keeps its first words as the message."""
    try:
        return problem_in(json.loads(body)) or Problem(None, None)
    except (ValueError, RecursionError):
        return Problem(None, body[:200].decode(errors="replace") or None)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait. A date counts from the reply's own `Date`, one gone by is now; nonsense is absent."""
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{0,9})?", said):
        return float(said)
    until, now = _instant(said), _instant(headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(MAX_NUMBER, max(0.0, (until - now).total_seconds()))


def _instant(date: str) -> datetime | None:
    """An HTTP date; only one that says it is GMT."""
    if not date.strip().endswith("GMT"):
        return None
    try:
        instant = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant.replace(tzinfo=None)

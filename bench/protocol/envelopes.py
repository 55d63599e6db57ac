"""Code and message of an error, out of any envelope that servers put it in.

{"error": {"code", "message", "type"}}            OpenAI and those like it; the gateway
{"detail": {"code", "message"}}                   the gateway itself, whatever the route
{"error": "all_items_failed", "details": [...]}   the gateway, of items; codes may stand in the details
{"error": "words", "error_type": "overloaded"}    TGI; others leave the type out
{"object": "error", "message", "type", "code"}    vLLM and SGLang, older ones
{"detail": "words"}, {"detail": [{"loc", "msg", "type"}]}   FastAPI
{"status": "provisioning", "message"}             a 202 of the gateway
"""

import re
from typing import Any, NamedTuple

from bench.protocol.values import MAX_NUMBER, as_text, is_number


class Problem(NamedTuple):
    """What an error says of itself."""

    code: str | None
    message: str | None
    retry_after_s: float | None = None


def problem_in(tree: Any) -> Problem | None:
    """The error in a JSON value; None where it holds none."""
    if not isinstance(tree, dict):
        return None
    envelope = tree.get("error") or tree.get("detail") or None
    if isinstance(envelope, dict):
        return _from_object(envelope)
    if isinstance(envelope, list):
        return _from_list(envelope)
    if envelope:
        return _from_words(as_text(envelope) or "", tree)
    return _from_object(tree) if "message" in tree or tree.get("object") == "error" else None


def problem_instead(tree: Any, result: str) -> Problem | None:
    """The error that a success holds: beside its `result`, or in place of it."""
    return problem_in(tree) if tree.get("error") or result not in tree else None


def _from_object(said: dict[str, Any]) -> Problem:
    """A code in words says more than a type, a type more than a number."""
    code, kind = said.get("code"), said.get("type")
    words = next((word for word in (code, kind) if isinstance(word, str) and word), code)
    return Problem(as_text(words), as_text(said.get("message")), _wait_s(said.get("retry_after_s")))


def _wait_s(said: Any) -> float | None:
    return float(said) if is_number(said) and 0 <= said < MAX_NUMBER else None


def _from_list(said: list[Any]) -> Problem:
    first = said[0] if isinstance(said[0], dict) else {"msg": said[0]}
    return Problem(as_text(first.get("type")), as_text(first.get("msg") or first.get("message")))


def _from_words(words: str, tree: dict[str, Any]) -> Problem:
    """One word is a code, several are a message; if all failed items agree on a code, it is that."""
    is_code = re.fullmatch(r"[A-Za-z0-9_.-]+", words) is not None
    said = tree.get("details")
    details = [one for one in said if isinstance(one, dict)] if is_code and isinstance(said, list) else []
    agreed = {as_text(one.get("code")) for one in details}
    code = agreed.pop() if len(agreed) == 1 else None
    kind = code or as_text(tree.get("error_type")) or (words if is_code else None)
    reason = as_text(details[0].get("error")) if details else None
    return Problem(kind, reason or as_text(tree.get("message")) or (None if is_code else words))

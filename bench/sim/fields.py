"""Strict validation of chat and generate bodies: which fields exist and what they may hold."""

from collections.abc import Callable
from typing import Any

from bench.sim.reply import OpenAIEnvelope, openai

Check = Callable[[Any], bool]


def _number(low: float, high: float, *, above_low: bool = False) -> Check:
    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return low < value <= high if above_low else low <= value <= high

    return check


def _integer(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_filled(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _is_stop(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, list) and all(map(_is_text, value)))


def _is_bias(value: Any) -> bool:
    allowed = _number(-100, 100)
    return isinstance(value, dict) and len(value) <= 1024 and all(map(allowed, value.values()))


_U32 = 2**32 - 1
_CHECKS: dict[str, tuple[Check, str]] = {
    "model": (_is_filled, "a non-empty string"),
    "prompt": (_is_filled, "a non-empty string"),
    "messages": (lambda value: isinstance(value, list) and bool(value), "a non-empty list"),
    "max_new_tokens": (_integer(1, _U32), "a positive integer"),
    "max_completion_tokens": (_integer(1, _U32), "a positive integer"),
    "max_tokens": (_integer(1, _U32), "a positive integer"),
    "temperature": (_number(0, float("inf")), "a number >= 0"),
    "top_p": (_number(0, 1, above_low=True), "a number in (0, 1]"),
    "top_k": (_integer(1, _U32), "a positive integer"),
    "repetition_penalty": (_number(0, 2, above_low=True), "a number in (0, 2]"),
    "frequency_penalty": (_number(-2, 2), "a number in [-2, 2]"),
    "presence_penalty": (_number(-2, 2), "a number in [-2, 2]"),
    "stop": (_is_stop, "a string or a list of strings"),
    "seed": (_integer(-(2**63), 2**64 - 1), "an integer"),
    "logit_bias": (_is_bias, "a map of at most 1024 numbers in [-100, 100]"),
    "logprobs": (_is_flag, "true or false"),
    "top_logprobs": (_integer(0, 20), "an integer from 0 to 20"),
    "n": (_integer(1, 128), "an integer from 1 to 128"),
    "best_of": (_integer(1, 128), "an integer from 1 to 128"),
    "lora_adapter": (_is_filled, "a non-empty string"),
    "routing_key": (_is_text, "a string"),
    "prompt_cache_key": (_is_text, "a string"),
    "safety_identifier": (_is_text, "a string"),
    "user": (_is_text, "a string"),
    "stream": (_is_flag, "true or false"),
    "stream_options": (_is_map, "a map"),
    "grammar": (_is_map, "a map"),
    "response_format": (_is_map, "a map"),
    "tools": (lambda value: isinstance(value, list), "a list"),
    "tool_choice": (lambda value: isinstance(value, str | dict), "a string or a map"),
    "parallel_tool_calls": (_is_flag, "true or false"),
    "images": (lambda value: isinstance(value, list) and len(value) <= 16, "a list of at most 16 images"),
    "options": (_is_map, "a map"),
    "min_tokens": (_integer(0, _U32), "an integer >= 0"),
    "chat_template_kwargs": (_is_map, "a map"),
    "include_reasoning": (_is_flag, "true or false"),
}


def check_fields(
    body: dict[str, Any], known: frozenset[str], required: tuple[str, ...], envelope: OpenAIEnvelope
) -> dict[str, Any]:
    """The body without nulls, or a refusal that names the first bad field."""
    given = {key: value for key, value in body.items() if value is not None}
    for key in given:
        if key not in known:
            raise unsupported(key, f"Field '{key}' is not supported")
    for key in required:
        if key not in given:
            raise envelope.invalid(f"Field '{key}' is required", key)
    for key, value in given.items():
        check, meaning = _CHECKS[key]
        if not check(value):
            raise envelope.invalid(f"Field '{key}' must be {meaning}", key)
    for key in given.get("stream_options", {}):
        if key != "include_usage":
            raise unsupported("stream_options", f"Field 'stream_options.{key}' is not supported")
    if "top_logprobs" in given and not given.get("logprobs"):
        raise envelope.invalid("Field 'top_logprobs' needs 'logprobs'", "top_logprobs")
    return given


def check_abilities(given: dict[str, Any]) -> None:
    """Refuse what no simulated model can do (yet)."""
    if "lora_adapter" in given:
        message = f"No adapter is called '{given['lora_adapter']}'"
        raise openai(400, "invalid_request_error", "unknown_lora_adapter", message, "lora_adapter")
    constrained = given.get("response_format", {"type": "text"}).get("type") != "text"
    for key, asked in (
        ("n", given.get("n", 1) > 1),
        ("best_of", given.get("best_of", 1) > 1),
        ("grammar", "grammar" in given),
        ("response_format", constrained),
        ("tools", bool(given.get("tools"))),
        ("logprobs", given.get("logprobs", False)),
    ):
        if asked:
            raise unsupported(key, f"The simulated model cannot do '{key}'")


def unsupported(param: str, message: str) -> Exception:
    """400 unsupported_field."""
    return openai(400, "invalid_request_error", "unsupported_field", message, param)

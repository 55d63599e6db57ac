"""Strict validation of chat and generate bodies: which fields exist and what they may hold."""

import re
from collections.abc import Callable
from typing import Any

from bench.sim.model import Card
from bench.sim.reply import OpenAIEnvelope, openai

Check = Callable[[Any], bool]

GRAMMARS = ("json_schema", "regex", "ebnf")
"""The kinds of grammar that a request may hold, one at a time."""
_GRAMMAR_KEYS = frozenset([*GRAMMARS, "label", "strict"])
_TOKEN = re.compile(r"-?\d{1,18}", re.ASCII)


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
    if not isinstance(value, dict) or len(value) > 1024:
        return False
    return all(map(_TOKEN.fullmatch, value)) and all(map(_number(-100, 100), value.values()))


def _is_grammar(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= _GRAMMAR_KEYS:
        return False
    kinds = [kind for kind in GRAMMARS if value.get(kind) is not None]
    wanted = dict if kinds == ["json_schema"] else str
    return len(kinds) == 1 and isinstance(value[kinds[0]], wanted)


def _is_response_format(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") not in ("text", "json_object", "json_schema"):
        return False
    if value["type"] != "json_schema":
        return True
    schema = value.get("json_schema")
    return isinstance(schema, dict) and isinstance(schema.get("schema"), dict)


def _is_function(value: Any) -> bool:
    function = value.get("function") if isinstance(value, dict) and value.get("type") == "function" else None
    return isinstance(function, dict) and _is_filled(function.get("name"))


def _is_tools(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= 64 and all(map(_is_function, value))


def _is_tool_choice(value: Any) -> bool:
    return value in ("auto", "none", "required") if isinstance(value, str) else _is_function(value)


_U32 = 2**32 - 1
_CHECKS: dict[str, tuple[Check, str]] = {
    "model": (_is_filled, "a non-empty string"),
    "prompt": (_is_filled, "a non-empty string"),
    "messages": (lambda value: isinstance(value, list) and bool(value), "a non-empty list"),
    "input": (
        lambda value: value not in ("", []) and isinstance(value, str | list),
        "a string or a list, not empty",
    ),
    "max_output_tokens": (_integer(1, _U32), "a positive integer"),
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
    "logit_bias": (_is_bias, "a map from at most 1024 token ids to numbers in [-100, 100]"),
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
    "grammar": (_is_grammar, f"a map with one of {', '.join(GRAMMARS)}, and perhaps label and strict"),
    "response_format": (_is_response_format, "a map whose type is text, json_object or json_schema"),
    "tools": (_is_tools, "a list of 1 to 64 functions, each with a name"),
    "tool_choice": (_is_tool_choice, "auto, none, required or a function with a name"),
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
    _check_pairs(given, envelope)
    return given


def _check_pairs(given: dict[str, Any], envelope: OpenAIEnvelope) -> None:
    """Fields that need or exclude one another."""
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise envelope.invalid("Field 'top_logprobs' needs 'logprobs'", "top_logprobs")
    if given.get("best_of", 1) > 1 and given.get("stream"):
        raise unsupported("best_of", "Field 'best_of' cannot be more than 1 in a stream")
    if "best_of" in given and given["best_of"] < given.get("n", 1):
        raise envelope.invalid("Field 'best_of' must be at least 'n'", "best_of")
    if "tool_choice" in given:
        _check_tool_choice(given, envelope)


def _check_tool_choice(given: dict[str, Any], envelope: OpenAIEnvelope) -> None:
    choice, param = given["tool_choice"], "tool_choice"
    if "tools" not in given:
        raise envelope.invalid("Field 'tool_choice' needs 'tools'", param)
    named = isinstance(choice, dict)
    if (named or choice == "required") and given.get("response_format", {}).get("type", "text") != "text":
        raise envelope.invalid("A call that must come excludes 'response_format'", param)
    if named and choice["function"]["name"] not in [tool["function"]["name"] for tool in given["tools"]]:
        raise envelope.invalid(f"No tool is called '{choice['function']['name']}'", param)


def check_abilities(card: Card, given: dict[str, Any], envelope: OpenAIEnvelope, limit_param: str) -> None:
    """Refuse what this model cannot do, in the gateway's order; `limit_param` names its limit of tokens."""
    adapter, asked_tokens = given.get("lora_adapter"), given.get(limit_param, 0)
    if adapter is not None and adapter not in card.lora_adapters:
        message = f"unknown lora_adapter '{adapter}' for model '{card.name}'"
        raise openai(400, "invalid_request_error", "unknown_lora_adapter", message, "lora_adapter")
    if asked_tokens > card.max_output_tokens:
        message = f"{limit_param} ({asked_tokens}) is more than the {card.max_output_tokens} of '{card.name}'"
        raise envelope.invalid(message, limit_param)
    kind = _grammar_kind(given)
    if kind and kind not in card.grammar:
        raise unsupported(f"grammar.{kind}", f"Model '{card.name}' has no grammar of kind '{kind}'")
    if given.get("tools") and not card.tools:
        raise unsupported("tools", f"Model '{card.name}' calls no tools")


def _grammar_kind(given: dict[str, Any]) -> str:
    """The kind of grammar that the answer must obey, or ""; any JSON object is a schema too."""
    if given.get("response_format", {}).get("type", "text") != "text":
        return "json_schema"
    grammar = given.get("grammar", {})
    return next((kind for kind in GRAMMARS if grammar.get(kind) is not None), "")


def unsupported(param: str, message: str) -> Exception:
    """400 unsupported_field."""
    return openai(400, "invalid_request_error", "unsupported_field", message, param)

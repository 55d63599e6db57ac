"""The result of each operation: how much of what was asked for is in it?

ValueError, KeyError, TypeError, AttributeError   it is not what it should be
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.protocol.envelopes import problem_in
from bench.protocol.errors import note
from bench.protocol.facts import Ask, Facts
from bench.protocol.streams import BROKEN, called_chars
from bench.protocol.values import as_number, as_text, chars, is_number


class Result(NamedTuple):
    """The key that makes a body a result, and what reads it: returns the characters of generated text."""

    key: str
    read: Callable[[Facts, Ask, Any], int]


def _entries(tree: Any, key: str, most: int) -> list[Any]:
    entries = tree[key]
    if not isinstance(entries, list):
        raise TypeError(f"{key} is no list")
    if len(entries) > most:
        raise ValueError(f"{len(entries)} {key} for {most}")
    return entries


# Generations.


def _choices(length_of: Callable[[Any], int]) -> Result:
    def read(facts: Facts, ask: Ask, tree: Any) -> int:
        choices = _entries(tree, "choices", ask.choices)
        if not choices:
            raise ValueError("no choices")
        for choice in choices:
            _finish(facts, choice.get("finish_reason"))
        if len(choices) < ask.choices:
            facts.settle("degraded", "short_items")
        return sum(map(length_of, choices))

    return Result("choices", read)


def _finish(facts: Facts, reason: Any) -> None:
    facts.finish_reason = as_text(reason) or facts.finish_reason
    if facts.finish_reason in BROKEN:
        facts.settle("failed")


def _message_chars(choice: Any) -> int:
    message = choice.get("message") or {}
    hidden = chars(message.get("reasoning_content") or message.get("reasoning"))
    return chars(message.get("content")) + hidden + called_chars(message)


def _text_chars(choice: Any) -> int:
    return chars(choice.get("text"))


def _generate(facts: Facts, _ask: Ask, tree: Any) -> int:
    _finish(facts, tree["finish_reason"])
    facts.server_ttft_ms, facts.server_tpot_ms = (
        as_number(tree.get("ttft_ms")),
        as_number(tree.get("tpot_ms")),
    )
    facts.attempt_id = as_text(tree.get("attempt_id"))
    return chars(tree.get("text"))


# Lists, one entry an item. The gateway leaves out what failed, and says 200.


def _list(key: str, holds: Callable[[Ask, Any], bool]) -> Result:
    def read(facts: Facts, ask: Ask, tree: Any) -> int:
        entries = _entries(tree, key, ask.results)
        returned, first = 0, None
        for entry in entries:
            if entry.get("error"):
                first = first or problem_in(entry)
            elif holds(ask, entry):
                returned += 1
        if first:
            note(facts, first)
        facts.items_returned = returned
        if returned < ask.items:
            facts.settle("degraded" if returned else "failed", "short_items")
        return 0

    return Result(key, read)


def _has_vectors(ask: Ask, item: Any) -> bool:
    return all(map(item.get, ask.params.get("output_types") or _DENSE))


_DENSE = ("dense",)


def _is_found(_ask: Ask, item: Any) -> bool:
    return isinstance(item, dict)


def _has_score(_ask: Ask, item: Any) -> bool:
    return is_number(item.get("score"))


def _has_relevance(_ask: Ask, item: Any) -> bool:
    return is_number(item.get("relevance_score", item.get("score")))


def _has_embedding(_ask: Ask, item: Any) -> bool:
    return bool(item.get("embedding"))


RESULTS: Mapping[str, Result] = {
    "chat": _choices(_message_chars),
    "completion": _choices(_text_chars),
    "generate": Result("text", _generate),
    "encode": _list("items", _has_vectors),
    "extract": _list("items", _is_found),
    "score": _list("scores", _has_score),
    "rerank": _list("results", _has_relevance),
    "embed": _list("data", _has_embedding),
}

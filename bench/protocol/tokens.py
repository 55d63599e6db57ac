"""How many tokens there were: from the server's usage or, where asked for, an estimate that says so.

Events are not tokens, and nothing is ever counted from them.
"""

from typing import Any

from bench.protocol.facts import GENERATION, RANKING, Ask, Facts, Kind
from bench.protocol.values import as_count

Counted = tuple[Ask, Facts]
"""A request, and what its reply said."""


def read_usage(facts: Facts, ask: Ask, kind: Kind, tree: Any) -> None:
    """Take the counts of a reply or an event that has any; what an earlier one said is only replaced."""
    usage = tree.get("usage")
    if not usage:
        return
    asked = as_count(_first(usage, "prompt_tokens", "input_tokens"))
    made = as_count(_first(usage, "completion_tokens", "output_tokens"))
    if ask.operation not in GENERATION:
        asked, made = as_count(usage.get("total_tokens")) if asked is None else asked, None
    if asked is None and made is None:
        return
    facts.in_tokens = facts.in_tokens if asked is None else asked
    facts.out_tokens = facts.out_tokens if made is None else made
    facts.tokens_source = "estimate" if _is_guess(ask, kind, usage.get("sie_token_source")) else "usage"


def _is_guess(ask: Ask, kind: Kind, source: Any) -> bool:
    """The gateway's embeddings call characters / 4 usage; newer servers say who counted."""
    return source == "character_estimate" or (
        kind == "sie" and ask.operation == "embed" and source != "worker"
    )


def estimate(facts: Facts, ask: Ask, out_chars: int) -> None:
    """Where no usage came and the user asked for it, counts from characters."""
    if ask.chars_per_token is None or facts.tokens_source is not None:
        return
    facts.tokens_source = "estimate"
    facts.in_tokens = round(sum(map(len, ask.texts)) / ask.chars_per_token)
    if ask.operation in GENERATION:
        facts.out_tokens = max(1, round(out_chars / ask.chars_per_token)) if out_chars else 0


def chars_per_token(long: Counted, short: Counted | None = None) -> float | None:
    """How long a token of these texts is by the server's count.

    Of two requests that differ in their texts it is the slope, in which a chat's template has no part. None
    where the server did not count, or counted more than the texts: tools, or a query anew for each document.
    """
    if not _is_counted(long):
        return None
    chars, tokens = _size(long)
    if short and _is_counted(short):
        fewer_chars, fewer_tokens = _size(short)
        if chars > fewer_chars and tokens > fewer_tokens:
            return (chars - fewer_chars) / (tokens - fewer_tokens)
    return chars / tokens


def _is_counted(one: Counted) -> bool:
    ask, facts = one
    counted = facts.tokens_source == "usage" and bool(facts.in_tokens)
    return counted and ask.operation not in RANKING and "tools" not in ask.params


def _size(one: Counted) -> tuple[int, int]:
    """Characters of the texts, and input tokens."""
    ask, facts = one
    return sum(map(len, ask.texts)), facts.in_tokens or 0


def _first(usage: Any, *names: str) -> Any:
    return next((usage[name] for name in names if usage.get(name) is not None), None)

"""The text that simulated models write: words of three letters, each with its space one token."""

from random import Random

from bench.sim.model import CHARACTERS_PER_TOKEN

_WORDS = (
    "act",
    "aim",
    "box",
    "bus",
    "car",
    "day",
    "eye",
    "fan",
    "gas",
    "ice",
    "jam",
    "key",
    "lap",
    "net",
    "oak",
)
_PERIOD_TOKENS = 1024
_BLOCK = "".join(f" {word}" for word in Random(4).choices(_WORDS, k=_PERIOD_TOKENS))


def text_of(start_token: int, tokens: int) -> str:
    """So many tokens of an endless text, from the given token on; ASCII that JSON need not escape."""
    start = start_token % _PERIOD_TOKENS * CHARACTERS_PER_TOKEN
    length = tokens * CHARACTERS_PER_TOKEN
    repeats = (start + length) // len(_BLOCK) + 1
    return (_BLOCK * repeats)[start : start + length]


def count_tokens(text: str) -> int:
    """Tokens of a text: a quarter of its characters, rounded up, at least one."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))

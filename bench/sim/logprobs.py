"""Log probabilities of simulated tokens: made up, but of the right shape and order."""

from typing import Any
from zlib import crc32

from bench.sim.model import CHARACTERS_PER_TOKEN

_STEP = 0.5


def token_logprobs(text: str, alternatives: int) -> list[dict[str, Any]]:
    """An entry for each token of the text, with so many alternatives, the likeliest and itself first."""
    tokens = [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]
    return [_entry(token) | {"top_logprobs": _top(token, alternatives)} for token in tokens]


def _top(token: str, alternatives: int) -> list[dict[str, Any]]:
    return [_entry(token if not rank else f"{token}{rank}", rank) for rank in range(alternatives)]


def _entry(token: str, rank: int = 0) -> dict[str, Any]:
    base = token[:CHARACTERS_PER_TOKEN]
    logprob = -(crc32(base.encode()) % 500 + 1) / 1000 - rank * _STEP
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode())}

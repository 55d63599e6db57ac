"""What prompts begin with, so that equal beginnings can be recognised."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from bench.sim.model import CHARACTERS_PER_TOKEN, PREFIX_TOKENS

_STRETCH_CHARACTERS = PREFIX_TOKENS * CHARACTERS_PER_TOKEN


def prefix_of(body: Mapping[str, Any]) -> tuple[int, ...]:
    """A name for each whole leading stretch of a request's messages or prompt."""
    messages = body.get("messages")
    text = "".join(map(str, messages)) if isinstance(messages, list) else str(body.get("prompt", ""))
    digest, names = blake2b(digest_size=8), []
    for start in range(0, len(text) - _STRETCH_CHARACTERS + 1, _STRETCH_CHARACTERS):
        digest.update(text[start : start + _STRETCH_CHARACTERS].encode(errors="replace"))
        names.append(int.from_bytes(digest.digest()))
    return tuple(names)

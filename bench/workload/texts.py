"""Texts of a wanted length, from (seed, index), without a tokenizer.

A text opens with words that spell a hash of its seed, index and place, so that no two share their first
64 bytes: gateways route and cache by prompt prefix, and a fixed opening would pin all traffic to one worker.
The rest is a slice of a long seeded river of common words.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib import resources

from bench.scenario import Traffic
from bench.workload.schedule import Planned
from bench.workload.shapes import shape_of

DEFAULT_CHARS_PER_TOKEN = 4.0

# 256 common words: each spells a byte.
WORDS = resources.files(__package__).joinpath("words.txt").read_text(encoding="ascii").split()

_WORD = WORDS.__getitem__

RIVER_CHARS = 1 << 18


@dataclass(frozen=True)
class Texts:
    """Makes the texts of any planned request; equal seeds make equal texts."""

    seed: int
    chars_per_token: Mapping[str, float]

    def of(self, planned: Planned) -> tuple[str, ...]:
        """The prompt; or the items of a batch; or the query and then the documents of a ranking."""
        traffic, index = planned.traffic, planned.index
        shape, per_token = shape_of(traffic), self.per_token(traffic)
        chars = _chars(planned.item_tokens, per_token)
        if shape.query_tokens:
            query = self.text(index, 0, _chars(shape.query_tokens, per_token))
            return (query, *[self.text(index, place + 1, chars) for place in range(shape.texts)])
        if shape.texts == 1:
            return (self.text(index, 0, chars),)
        return tuple([self.text(index, place, chars) for place in range(shape.texts)])

    def per_token(self, traffic: Traffic) -> float:
        """Characters a token of that class's texts is taken to have."""
        return self.chars_per_token.get(traffic.name, DEFAULT_CHARS_PER_TOKEN)

    def text(self, index: int, place: int, chars: int) -> str:
        """Exactly `chars` characters; ASCII."""
        key = blake2b(b"%d/%d/%d" % (self.seed, index, place), digest_size=16).digest()
        opening, river = " ".join(map(_WORD, key[:8])), self.river
        start = int.from_bytes(key[8:], "big") % len(river)
        text = f"{opening} {river[start : start + chars - len(opening) - 1]}"
        if len(text) == chars:
            return text
        # Too short for the opening, or from the river's end on.
        return f"{opening} {self._flow(start, max(0, chars - len(opening) - 1))}"[:chars].ljust(chars, ".")

    def _flow(self, start: int, chars: int) -> str:
        flow = self.river[start : start + chars]
        while len(flow) < chars:
            flow += self.river[: chars - len(flow)]
        return flow

    @cached_property
    def river(self) -> str:
        """Where texts are cut from; made when first asked for, which takes a tenth of a second."""
        rng = random.Random(self.seed)
        return " ".join(rng.choices(WORDS, k=RIVER_CHARS // 6))


def _chars(tokens: int, per_token: float) -> int:
    return max(1, round(tokens * per_token))

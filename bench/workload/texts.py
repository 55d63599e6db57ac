"""Texts of a wanted length, from (seed, index), without a tokenizer.

A text opens with words that spell a hash of its seed, index and place, so that no two share their first
64 bytes: gateways route and cache by prompt prefix, and a fixed opening would pin all traffic to one worker.
The rest is a slice of a long seeded river of common words.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    _known: dict[int, tuple[int, int, float, Traffic]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, planned: Planned) -> tuple[str, ...]:
        """The prompt; or the items of a batch; or the query and then the documents of a ranking."""
        traffic, index = planned.traffic, planned.index
        try:
            count, query_tokens, per_token, _ = self._known[id(traffic)]
        except KeyError:
            count, query_tokens, per_token, _ = self._learn(traffic)
        chars = round(planned.item_tokens * per_token) or 1
        if query_tokens:
            query = self.text(index, 0, round(query_tokens * per_token) or 1)
            return (query, *[self.text(index, place + 1, chars) for place in range(count)])
        if count == 1:
            return (self.text(index, 0, chars),)
        return tuple([self.text(index, place, chars) for place in range(count)])

    def _learn(self, traffic: Traffic) -> tuple[int, int, float, Traffic]:
        shape = shape_of(traffic)
        # Kept with it, so that no other comes to have its id.
        known = shape.texts, shape.query_tokens, self.per_token(traffic), traffic
        self._known[id(traffic)] = known
        return known

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

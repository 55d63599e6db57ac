"""Texts of a wanted length, from (seed, index), without a tokenizer.

A text opens with words that spell a hash of its seed, index and place, so that no two share their first
64 bytes: gateways route and cache by prompt prefix, and a fixed opening would pin all traffic to one worker.
The rest is a slice of a long seeded river of common words.
"""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from bench.scenario import Traffic
from bench.workload.schedule import Planned
from bench.workload.shapes import shape_of

DEFAULT_CHARS_PER_TOKEN = 4.0

# 256 common words: each spells a byte.
WORDS = resources.files(__package__).joinpath("words.txt").read_text(encoding="ascii").split()

RIVER_CHARS = 1 << 18


@dataclass(frozen=True)
class Texts:
    """Makes the texts of any planned request; equal seeds make equal texts."""

    seed: int
    chars_per_token: Mapping[str, float]

    def of(self, planned: Planned) -> tuple[str, ...]:
        """The prompt; or the items of a batch; or the query and then the documents of a ranking."""
        traffic = planned.traffic
        shape = shape_of(traffic)
        lengths = [planned.item_tokens] * shape.texts
        if shape.query_tokens:
            lengths.insert(0, shape.query_tokens)
        per_token = self.per_token(traffic)
        index = planned.index
        sizes = [max(1, round(tokens * per_token)) for tokens in lengths]
        return tuple([self.text(index, place, chars) for place, chars in enumerate(sizes)])

    def per_token(self, traffic: Traffic) -> float:
        """Characters a token of that class's texts is taken to have."""
        return self.chars_per_token.get(traffic.name, DEFAULT_CHARS_PER_TOKEN)

    def text(self, index: int, place: int, chars: int) -> str:
        """Exactly `chars` characters; ASCII."""
        key = hashlib.blake2b(f"{self.seed}/{index}/{place}".encode(), digest_size=16).digest()
        opening = " ".join([WORDS[byte] for byte in key[:8]])
        start = int.from_bytes(key[8:], "big") % len(self._river)
        missing = max(0, chars - len(opening) - 1)
        return f"{opening} {self._flow(start, missing)}"[:chars].ljust(chars, ".")

    def _flow(self, start: int, chars: int) -> str:
        flow = self._river[start : start + chars]
        while len(flow) < chars:
            flow += self._river[: chars - len(flow)]
        return flow

    @cached_property
    def _river(self) -> str:
        rng = random.Random(self.seed)
        return " ".join(rng.choices(WORDS, k=RIVER_CHARS // 6))

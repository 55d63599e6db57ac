"""Texts of a wanted length, from (seed, index), without a tokenizer.

A text opens with words that spell a hash of its seed, index and place, so that no two share their first
64 bytes: gateways route and cache by prompt prefix, and a fixed opening would pin all traffic to one worker.
The rest is a slice of a long seeded river of common words.
"""

import random
import struct
from collections.abc import Callable, Mapping
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

_SPELLED = struct.Struct(">HHHHQ").unpack
"""Eight bytes as pairs, and a number that says where in the river to begin."""

RIVER_CHARS = 1 << 18


@dataclass(frozen=True)
class Texts:
    """Makes the texts of any planned request; equal seeds make equal texts."""

    seed: int
    chars_per_token: Mapping[str, float]

    def of(self, planned: Planned) -> tuple[str, ...]:
        """The prompt; or the items of a batch; or the query and then the documents of a ranking."""
        return self.written(planned.index, self.sizes(planned))

    def sizes(self, planned: Planned) -> tuple[int, ...]:
        """The characters of each, which the request's class and length alone fix."""
        shape, per_token = shape_of(planned.traffic), self.per_token(planned.traffic)
        query = [round(shape.query_tokens * per_token) or 1] if shape.query_tokens else []
        return (*query, *[round(planned.item_tokens * per_token) or 1] * shape.texts)

    def written(self, index: int, sizes: tuple[int, ...]) -> tuple[str, ...]:
        """Texts of these sizes for a request."""
        if len(sizes) == 1:
            return (self.text(index, 0, sizes[0]),)
        return tuple([self.text(index, place, chars) for place, chars in enumerate(sizes)])

    def warm_up(self) -> None:
        """Make now what all texts are cut from, or the first would wait a tenth of a second for it."""
        _ = self.text

    def per_token(self, traffic: Traffic) -> float:
        """Characters a token of that class's texts is taken to have."""
        return self.chars_per_token.get(traffic.name, DEFAULT_CHARS_PER_TOKEN)

    @cached_property
    def text(self) -> Callable[[int, int, int], str]:
        """Of (index, place, chars): exactly `chars` characters; ASCII letters and spaces.

        A function of its own: texts are made by the ten thousand a second, and it has at hand what they need.
        """
        seeded = blake2b(b"%d/" % self.seed, digest_size=16).copy  # a copy costs half as much as a new hash
        pairs, river = self._pairs, self.river
        around = len(river)

        def text(index: int, place: int, chars: int) -> str:
            hashed = seeded()
            hashed.update(b"%d/%d" % (index, place))
            first, second, third, fourth, number = _SPELLED(hashed.digest())
            start = number % around
            opening = f"{pairs[first]} {pairs[second]} {pairs[third]} {pairs[fourth]} "
            # Some more than is needed: to cut is less work than to count.
            text = f"{opening}{river[start : start + chars]}"[:chars]
            # From the river's end on it is too short.
            return text if len(text) == chars else f"{opening}{self._flow(start, chars)}"[:chars]

        return text

    def _flow(self, start: int, chars: int) -> str:
        flow = self.river[start : start + chars]
        while len(flow) < chars:
            flow += self.river[: chars - len(flow)]
        return flow

    @cached_property
    def _pairs(self) -> list[str]:
        """Two words spell two bytes: an opening is put together in half the time."""
        return [f"{first} {second}" for first in WORDS for second in WORDS]

    @cached_property
    def river(self) -> str:
        """Where texts are cut from; made when first asked for."""
        rng = random.Random(self.seed)
        return " ".join(rng.choices(WORDS, k=RIVER_CHARS // 6))

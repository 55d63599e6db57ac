"""A reply that somebody wants to read: its bytes are kept beside the facts that are made of them.

ValueError and its like   what came is not what it should be
"""

import json
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import msgpack
import numpy as np

from bench.protocol.sse import EventDecoder


class Kept:
    """The body of one reply."""

    def __init__(self, *, streams: bool, packed: bool) -> None:
        self.streams, self._packed = streams, packed
        self._bytes = bytearray()

    def take(self, piece: bytes) -> None:
        """Keep a piece."""
        self._bytes += piece

    def trees(self) -> list[Any]:
        """What came: one object, or of a stream those of its events. Arrays in msgpack are numpy arrays."""
        if self._packed:
            return [msgpack.unpackb(self._bytes, object_hook=_array, strict_map_key=False)]
        if not self.streams:
            return [json.loads(self._bytes)]
        events = [data.strip() for data in EventDecoder().feed(bytes(self._bytes))]
        return [json.loads(data) for data in takewhile(lambda data: data != b"[DONE]", filter(None, events))]


def _array(tree: dict[Any, Any]) -> Any:
    if tree.get(b"nd") is not True:
        return tree
    return np.frombuffer(tree[b"data"], dtype=tree[b"type"]).reshape(tree[b"shape"])


def text_of(trees: list[Any]) -> str:
    """The visible text of a generation: of its first choice, where it has several."""
    return "".join(_visible(tree) for tree in trees)


def _visible(tree: Mapping[str, Any]) -> str:
    """One event, or a whole reply, of chat, completion or generate."""
    if "choices" not in tree:
        return str(tree.get("text_delta") or tree.get("text") or "")
    first: Mapping[str, Any] = next((choice for choice in tree["choices"] if not choice.get("index")), {})
    said = first.get("delta") or first.get("message") or {"content": first.get("text")}
    return str(said.get("content") or "")

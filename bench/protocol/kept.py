"""A reply that somebody wants to read: its bytes are kept while another reader makes facts of them.

ValueError and its like   what came is not what it should be
"""

import json
from collections.abc import Mapping
from itertools import takewhile
from typing import Any, Protocol

import msgpack
import numpy as np

from bench.protocol.sse import EventDecoder


class _Reader(Protocol):
    def take(self, piece: bytes, now_ns: int, /) -> None: ...

    def decode(self) -> None: ...

    def end(self, *, complete: bool) -> None: ...


class Kept:
    """Stands before the reader of a reply and keeps what passes."""

    def __init__(self, reader: _Reader, *, streams: bool, packed: bool) -> None:
        self._reader, self.streams, self._packed = reader, streams, packed
        self._bytes = bytearray()

    def take(self, piece: bytes, now_ns: int, /) -> None:
        """Keep the piece and pass it on."""
        self._bytes += piece
        self._reader.take(piece, now_ns)

    def decode(self) -> None:
        """As the other does."""
        self._reader.decode()

    def end(self, *, complete: bool) -> None:
        """Pass the end on."""
        self._reader.end(complete=complete)

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

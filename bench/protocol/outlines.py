"""Replies that are long for their vectors, read as far as they are judged: the vectors are passed over.

A reply of a thousand floats in JSON takes a twentieth of the time.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bench.protocol.facts import Ask

_ABSENT = Raw(b"")

SURE_BYTES = 16
"""A value of so many bytes is neither an empty list nor nothing in another form."""


# An error anywhere is none of their fields' types: such a reply is read as a whole.
class _Item(Struct):
    error: None = None
    dense: Raw = _ABSENT
    sparse: Raw = _ABSENT
    multivector: Raw = _ABSENT


class _Embedding(Struct):
    error: None = None
    embedding: Raw = _ABSENT


class _Reply(Struct, kw_only=True):
    entries: list[Any]
    usage: Any = None
    error: None = None

    def get(self, name: str) -> Any:
        """Read like the object that it outlines."""
        return getattr(self, name)


class _Items(_Reply, kw_only=True, rename={"entries": "items"}):
    entries: list[_Item]


class _Data(_Reply, kw_only=True, rename={"entries": "data"}):
    entries: list[_Embedding]


_Decode = Callable[[bytes], _Reply]

_JSON: dict[str, _Decode] = {
    "encode": msgspec.json.Decoder(_Items).decode,
    "embed": msgspec.json.Decoder(_Data).decode,
}
_PACKED: dict[str, _Decode] = {"encode": msgspec.msgpack.Decoder(_Items).decode}


def outline(ask: Ask, body: bytes, *, packed: bool) -> _Reply | None:
    """A good reply that has everything; None where it is not certainly one, and must be read as a whole."""
    decode = (_PACKED if packed else _JSON).get(ask.operation)
    if decode is None:
        return None
    try:
        tree = decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    entries = tree.entries
    if len(entries) != len(ask.texts):
        return None
    wanted = _EMBEDDING if ask.operation == "embed" else ask.params.get("output_types") or _DENSE
    for entry in entries:
        for name in wanted:
            if len(getattr(entry, name, _ABSENT)) < SURE_BYTES:
                return None
    return tree


_DENSE = ("dense",)
_EMBEDDING = ("embedding",)

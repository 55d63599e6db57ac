"""Replies that are long for their vectors, read as far as they are judged: the vectors are passed over.

A reply of a thousand floats in JSON takes a twentieth of the time.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import astuple

_ABSENT = Raw(b"")

SURE_BYTES = 16
"""A value of so many bytes is neither an empty list nor nothing in another form."""


class _Outline(Struct):
    """Read like the object that it outlines."""

    error: Any = None

    def get(self, name: str) -> Any:
        """A value, or None."""
        return getattr(self, name, None)


class _Item(_Outline):
    dense: Raw = _ABSENT
    sparse: Raw = _ABSENT
    multivector: Raw = _ABSENT


class _Embedding(_Outline):
    embedding: Raw = _ABSENT


class _Reply(_Outline, kw_only=True):
    entries: list[Any]
    usage: Any = None

    def __getitem__(self, _key: str) -> list[Any]:
        return self.entries

    def __contains__(self, _key: str) -> bool:
        return True


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


def outline(operation: str, body: bytes, *, packed: bool) -> Any:
    """What is judged of a good reply; None where it is not certainly good, and must be read as a whole."""
    decode = (_PACKED if packed else _JSON).get(operation)
    if decode is None:
        return None
    try:
        tree = decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if tree.error or any(map(_is_doubtful, tree.entries)) else tree


def _is_doubtful(entry: _Outline) -> bool:
    error, *vectors = astuple(entry)
    return bool(error) or any(0 < len(vector) < SURE_BYTES for vector in vectors)

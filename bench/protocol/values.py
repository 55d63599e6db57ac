"""Values out of foreign JSON, kept within the record's columns.

ValueError   what does not fit: refused here, not when the books are joined
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import msgpack

MALFORMED = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RecursionError,
    msgpack.UnpackException,
)
"""What reading a body raises that is not what it should be."""

_decode = json.JSONDecoder().raw_decode


def read_json(data: bytes) -> Any:
    """As json.loads, in half the time where it is UTF-8 without space around it, as events are."""
    try:
        tree, end = _decode(text := data.decode())
    except ValueError:
        return json.loads(data)
    return tree if end == len(text) else json.loads(data)


MAX_COUNT = (1 << 31) - 1
MAX_NUMBER = 3.4e38
MAX_TEXT_CHARS = 500


def as_text(value: Any) -> str | None:
    """A word as it is, anything else (a code may be a number) as JSON; cut where it is long."""
    if value is None or value == "":
        return None
    return (value if isinstance(value, str) else json.dumps(value))[:MAX_TEXT_CHARS]


def as_count(value: Any) -> int | None:
    """A whole number of 0 or more."""
    if value is None or (type(value) is int and 0 <= value <= MAX_COUNT):
        return value
    raise ValueError(f"{value!r:.40} is no count")


def as_number(value: Any) -> float | None:
    """A finite number that fits in 32 bits."""
    if value is None:
        return None
    if type(value) not in {int, float} or not abs(value) <= MAX_NUMBER:
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def header_number(headers: Mapping[str, str], name: str) -> float | None:
    """A header's number; None where there is none: no reason to lose a good reply."""
    text = headers.get(name)
    if text is None:
        return None
    try:
        return as_number(float(text))
    except ValueError:
        return None


def header_count(headers: Mapping[str, str], name: str) -> int | None:
    """A header's whole number, or None."""
    text = headers.get(name)
    if text is None:
        return None
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def chars(value: Any) -> int:
    """Characters of a text, which some servers send as a list of parts; 0 for none."""
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value)
    return sum(chars(part.get("text")) for part in value)

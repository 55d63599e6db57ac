"""Vectors of the right type, shape and size; their content means nothing and is the same in every process.

The blocks are computed once, because filling vectors must not delay the streams that share the event loop.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES = ("float32", "float16", "int8", "uint8", "binary", "ubinary")
"""Every element type that a request may name; both binary ones are eight dimensions to an unsigned byte."""
_ROWS = 64

Array = npt.NDArray[Any]


@cache
def _block(units: int, dtype: str) -> Array:
    rows = np.random.default_rng(units).standard_normal((_ROWS, units), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return _converted(rows, dtype)


def _converted(rows: Array, dtype: str) -> Array:
    """Rows of unit vectors in another type; integers spread over their whole range, row by row."""
    if dtype in ("binary", "ubinary"):
        return np.packbits(rows > 0, axis=-1)
    if dtype == "int8":
        scaled: Array = rows / np.abs(rows).max(axis=-1, keepdims=True) * 127
        return scaled.round().astype(np.int8)
    if dtype == "uint8":
        positive = rows - rows.min(axis=-1, keepdims=True)
        scaled = positive / positive.max(axis=-1, keepdims=True) * 255
        return scaled.round().astype(np.uint8)
    return rows.astype("<f2" if dtype == "float16" else "<f4")


@cache
def _dense_json(units: int, row: int, dtype: str) -> str:
    return json.dumps(_block(units, dtype)[row].tolist(), separators=(",", ":"))


def dense_array(units: int, index: int, dtype: str = "float32") -> Array:
    """A unit vector."""
    row: Array = _block(units, dtype)[index % _ROWS]
    return row


def dense_json(units: int, index: int, dtype: str = "float32") -> str:
    """The same vector as a JSON list."""
    return _dense_json(units, index % _ROWS, dtype)


def token_array(units: int, tokens: int, dtype: str = "float32") -> Array:
    """A matrix with a row per token."""
    block = _block(units, dtype)
    return np.resize(block, (tokens, block.shape[1]))


def sparse_arrays(tokens: int, dtype: str = "float32") -> tuple[Array, Array]:
    """Indices and weights, one pair per token; weights are floats of four bytes, or of two if asked for."""
    order = np.arange(tokens, dtype="<i4")
    return order * 17 + 5, (1.0 / (order + 1.0)).astype("<f2" if dtype == "float16" else "<f4")


def array_map(array: Array) -> dict[bytes, object]:
    """An array as msgpack carries it: a map with binary keys in this very order."""
    return {
        b"nd": True,
        b"type": array.dtype.str,
        b"kind": b"",
        b"shape": list(array.shape),
        b"data": array.tobytes(),
    }

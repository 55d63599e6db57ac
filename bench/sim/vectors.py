"""Vectors of the right type, shape and size; their content means nothing and is the same in every process.

The blocks are computed once, because filling vectors must not delay the streams that share the event loop.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

_ROWS = 64


@cache
def _block(units: int) -> npt.NDArray[np.float32]:
    rows = np.random.default_rng(units).standard_normal((_ROWS, units), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@cache
def _dense_json(units: int, row: int) -> str:
    return json.dumps(_block(units)[row].tolist(), separators=(",", ":"))


def dense_array(units: int, index: int) -> npt.NDArray[np.float32]:
    """A float32 unit vector."""
    row: npt.NDArray[np.float32] = _block(units)[index % _ROWS]
    return row


def dense_json(units: int, index: int) -> str:
    """The same vector as a JSON list."""
    return _dense_json(units, index % _ROWS)


def token_array(units: int, tokens: int) -> npt.NDArray[np.float32]:
    """A float32 matrix with a row per token."""
    return np.resize(_block(units), (tokens, units))


def sparse_arrays(tokens: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Indices and weights, one pair per token."""
    order = np.arange(tokens, dtype="<i4")
    return order * 17 + 5, (1.0 / (order + 1.0)).astype("<f4")


def array_map(array: npt.NDArray[Any]) -> dict[bytes, object]:
    """An array as msgpack carries it: a map with binary keys in this very order."""
    return {
        b"nd": True,
        b"type": array.dtype.str,
        b"kind": b"",
        b"shape": list(array.shape),
        b"data": array.tobytes(),
    }

"""How long requests are, in tokens."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.scenario import EmpiricalLength, FixedLength, GivenLength, Length, LognormalLength

Tokens = npt.NDArray[np.int32]

MAX_TOKENS = 10_000_000


class LengthError(ValueError):
    """A file of lengths that cannot be used."""


def draw(length: Length, rng: np.random.Generator, count: int, from_trace: Tokens) -> Tokens:
    """`count` lengths of at least one token; `from_trace` holds the trace's own, used where asked for."""
    match length:
        case FixedLength():
            return np.full(count, length.tokens, dtype=np.int32)
        case LognormalLength():
            drawn = np.rint(length.median * np.exp(length.sigma * rng.standard_normal(count)))
            return np.clip(drawn, length.min, length.max).astype(np.int32)
        case EmpiricalLength():
            return rng.choice(_sample(length), count).astype(np.int32)
        case GivenLength():
            return np.ones(count, dtype=np.int32)
    return from_trace


def _sample(length: EmpiricalLength) -> Tokens:
    if length.file is None:
        return np.array(length.values, dtype=np.int32)
    column = str(length.column)
    try:
        with Path(length.file).open(newline="", encoding="utf-8") as text:
            rows = csv.DictReader(text)
            if column not in (rows.fieldnames or ()):
                raise LengthError(f"{length.file}:1: no column {column!r}; there are: {rows.fieldnames}")
            found = [_tokens(row[column], length.file, rows.line_num) for row in rows]
    except OSError as error:
        raise LengthError(f"{length.file}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise LengthError(f"{length.file}: is no CSV file in UTF-8: {error}") from None
    if not found:
        raise LengthError(f"{length.file}: no lengths in it")
    return np.array(found, dtype=np.int32)


def _tokens(text: str, file: str, line: int) -> int:
    try:
        tokens = int(text)
    except (TypeError, ValueError):
        raise LengthError(f"{file}:{line}: {text!r} is no whole number") from None
    if not 0 <= tokens <= MAX_TOKENS:
        raise LengthError(f"{file}:{line}: {text!r} is no length: from 0 (taken as 1) to {MAX_TOKENS}")
    return max(1, tokens)

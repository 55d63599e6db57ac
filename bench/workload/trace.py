"""Recorded traces: instants and lengths of real requests.

TraceError   the file cannot be used; the message names the line
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.scenario import TraceArrivals
from bench.workload.arrivals import NS_PER_S, Instants
from bench.workload.lengths import MAX_TOKENS

AZURE_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class TraceError(ValueError):
    """A trace that cannot be replayed."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The requests to replay, in order of time, and what became of the file's other lines."""

    due_ns: Instants
    in_tokens: npt.NDArray[np.int32]
    out_tokens: npt.NDArray[np.int32]
    clipped: int
    dropped: int
    skipped: int
    raised: int
    reordered: int

    def losses(self) -> dict[str, int]:
        """How many requests differ from the file's lines, by what was done to them."""
        names = ("clipped", "dropped", "skipped", "raised", "reordered")
        return {name: getattr(self, name) for name in names}


def read_trace(arrivals: TraceArrivals, duration_s: float) -> Trace:
    """The first `duration_s` seconds of replay, the trace's own time divided by `speed`.

    Inputs above `max_input_tokens` are clipped or dropped, lengths of 0 are raised to 1, and lines out of
    order are sorted; all are counted. Raises TraceError for an unreadable file, and for a broken line unless
    the scenario says to skip those.
    """
    rows, skipped = _rows(Path(arrivals.file), skip=arrivals.broken_lines == "skip")
    if not rows:
        raise TraceError(f"{arrivals.file}: no requests in it")
    table = np.array(rows, dtype=np.int64)
    reordered = int(np.count_nonzero(np.diff(table[:, 0]) < 0))
    table = table[np.argsort(table[:, 0], kind="stable")]
    due = _replayed(table[:, 0], arrivals.speed)
    kept = due < duration_s * NS_PER_S
    due, lengths = due[kept], table[kept, 1:]
    limit = arrivals.max_input_tokens
    over = lengths[:, 0] > limit if limit else np.zeros(len(due), dtype=bool)
    if arrivals.over_limit == "drop":
        due, lengths = due[~over], lengths[~over]
    elif limit:
        lengths[:, 0] = np.minimum(lengths[:, 0], limit)
    return Trace(
        due_ns=due,
        in_tokens=np.maximum(lengths[:, 0], 1).astype(np.int32),
        out_tokens=np.maximum(lengths[:, 1], 1).astype(np.int32),
        clipped=int(over.sum()) if arrivals.over_limit == "clip" else 0,
        dropped=int(over.sum()) if arrivals.over_limit == "drop" else 0,
        skipped=skipped,
        raised=int((lengths == 0).any(axis=1).sum()),
        reordered=reordered,
    )


def _replayed(instants_ns: Instants, speed: float) -> Instants:
    """Time since the first line, divided by `speed` without rounding error: bins of the trace stay bins."""
    ratio = Fraction(speed).limit_denominator(1_000_000)
    # Whole and rest apart: a long trace times the denominator would not fit in 64 bits.
    whole, rest = np.divmod(instants_ns - instants_ns[0], ratio.numerator)
    replayed: Instants = whole * ratio.denominator + rest * ratio.denominator // ratio.numerator
    return replayed


def _rows(file: Path, *, skip: bool) -> tuple[list[tuple[int, int, int]], int]:
    rows: list[tuple[int, int, int]] = []
    skipped = 0
    for line, row in _lines(file):
        try:
            rows.append(_azure(row))
        except ValueError as error:
            if not skip:
                hint = "mend it, or say broken_lines: skip"
                raise TraceError(f"{file}:{line}: broken line {','.join(row)!r}: {error}; {hint}") from None
            skipped += 1
    return rows, skipped


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with file.open(newline="", encoding="utf-8") as text:
            reader = csv.reader(text)
            header = next(reader, [])
            if tuple(name.strip() for name in header) != AZURE_COLUMNS:
                raise TraceError(
                    f"{file}:1: not an Azure LLM trace: its header is not {','.join(AZURE_COLUMNS)}"
                )
            for row in reader:
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise TraceError(f"{file}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{file}: is no CSV file in UTF-8: {error}") from None


def _azure(row: list[str]) -> tuple[int, int, int]:
    if len(row) != len(AZURE_COLUMNS):
        raise ValueError(f"{len(row)} columns, expected {len(AZURE_COLUMNS)}")
    in_tokens, out_tokens = int(row[1]), int(row[2])
    if not (0 <= in_tokens <= MAX_TOKENS and 0 <= out_tokens <= MAX_TOKENS):
        raise ValueError(f"a length is from 0 to {MAX_TOKENS}")
    return _instant_ns(row[0].strip()), in_tokens, out_tokens


def _instant_ns(text: str) -> int:
    """A wall-clock time with up to nine decimals; only differences of it mean anything.

    The traces of 2023 name no time zone, those of 2024 end in `+00:00`.
    """
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no time")
    whole, decimals, zone = found.groups(default="")
    seconds = int((datetime.fromisoformat(whole + (zone or "+00:00")) - _EPOCH).total_seconds())
    return seconds * NS_PER_S + int(decimals.ljust(9, "0"))


_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

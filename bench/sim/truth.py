"""The truth log: what the simulated gateway did, and when, to be joined with what a client measured.

A file of msgpack objects.  The first is a header map; each further one is the array
`[span, attempt, sequence, kind, modelled_ns, before_write_ns, after_write_ns]`, and worker entries have the
worker's lane as an eighth field.  All instants are CLOCK_MONOTONIC in ns; nil means "does not apply".
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgpack

FORMAT_VERSION = 1
_INDEX_BITS = 48


@dataclass(frozen=True, slots=True)
class Span:
    """Which request of the client this is: its index and its attempt, counted from 1."""

    index: int
    attempt: int


def parse_traceparent(header: str | None) -> Span | None:
    """The span of a W3C `traceparent`: the low 48 bits are the index, the high 16 the attempt."""
    parts = (header or "").split("-")
    if len(parts) != 4 or len(parts[2]) != 16:
        return None
    try:
        number = int(parts[2], 16)
    except ValueError:
        return None
    return Span(number & ((1 << _INDEX_BITS) - 1), number >> _INDEX_BITS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    span: int | None
    attempt: int | None
    sequence: int
    kind: str
    modelled_ns: int
    before_write_ns: int | None
    after_write_ns: int | None
    lane: tuple[str, ...] = ()


class TruthLog:
    """Appends entries to a buffer; `flush` hands it to the system.  Without a path it does nothing."""

    def __init__(self, path: Path | None, settings: Mapping[str, object]) -> None:
        self._file: BinaryIO | None = path.open("wb") if path else None
        self._packer = msgpack.Packer()
        self._buffer = bytearray()
        if self._file:
            self._buffer += self._packer.pack({"format": FORMAT_VERSION, "settings": dict(settings)})
            self.flush()

    def note(
        self,
        span: Span | None,
        sequence: int,
        kind: str,
        modelled_ns: int,
        before_write_ns: int | None = None,
        after_write_ns: int | None = None,
        lane: tuple[str, ...] = (),
    ) -> None:
        """Append one entry."""
        if self._file is None:
            return
        index, attempt = (span.index, span.attempt) if span else (None, None)
        row = [index, attempt, sequence, kind, modelled_ns, before_write_ns, after_write_ns]
        self._buffer += self._packer.pack([*row, list(lane)] if lane else row)

    def flush(self) -> None:
        """Write the buffer through to the operating system."""
        if self._file and self._buffer:
            self._file.write(self._buffer)
            self._file.flush()
            self._buffer.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._file:
            self._file.close()


def read_truth(path: Path) -> tuple[dict[str, object], list[Entry]]:
    """Header and entries of a log; a torn last entry is left out."""
    objects = _unpack(path.read_bytes())
    header: Any = next(objects, None)
    if not isinstance(header, dict) or header.get("format") != FORMAT_VERSION:
        raise ValueError(f"{path} is not a truth log of format {FORMAT_VERSION}")
    return header, [_entry(row) for row in objects]


def _entry(row: list[Any]) -> Entry:
    span, attempt, sequence, kind, modelled_ns, before_ns, after_ns, *lane = row
    return Entry(span, attempt, sequence, kind, modelled_ns, before_ns, after_ns, tuple(*lane))


def _unpack(data: bytes) -> Iterator[Any]:
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    yield from unpacker


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC in ns, the clock of every instant in this log."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

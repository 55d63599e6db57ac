"""The append-only log of one worker: length-framed msgpack, so that a kill loses at most the last entry.

An entry is a little-endian uint32 length and that many bytes of msgpack, one of

    ["sent", index, scheduled_ns, handed_ns]           a request is on its way
    ["sent", index, scheduled_ns, handed_ns, known]    the same of one that no schedule holds
    ["ended", asked, shared, heard, zero_ns, event_ns, event_chars]    what became of it
    ["beat", now_ns]                                   everything up to this instant is in the log

`asked`, `shared` and `heard` hold the values of ASKED, SHARED and HEARD. Their instants count from `zero_ns`
and not from the run's start; what follows them in `heard` means nothing. Events are int64 and int32 arrays
as bytes, and nothing else tells how many there are. A writer that is in a hurry has no time to put all that
in the order of a Record's fields.

`beat` bounds what a kill can hide: what happened after the last one may be missing.
"""

import fcntl
import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import msgpack
from msgspec.msgpack import Encoder

from bench.record.schema import FIELDS, Attempt, Record

_LENGTH = struct.Struct("<I")
_ATTEMPTS = FIELDS.index("attempt_log")
values_of = attrgetter(*FIELDS)
"""The values of a Record, in the order of FIELDS."""

ASKED = (
    *("index", "user", "conversation", "turn", "worker", "scheduled_ns", "first_sent_ns", "handed_ns"),
    *("sent_ns", "stamp_source", "read_lag_max_ns", "attempts", "attempt_log", "request_bytes"),
)
"""What the sender knows of this one request without its reply."""

SHARED = (
    *("traffic_class", "profile", "operation", "stream", "model", "pool"),
    *("asked_in_tokens", "asked_out_tokens", "items_asked"),
)
"""What it shares with the others of its class, profile and lengths."""

HEARD = (
    *("outcome", "reason", "status", "error_code", "finish_reason", "headers_ns", "first_token_ns"),
    *("first_visible_ns", "last_token_ns", "end_ns", "merged_events", "in_tokens", "out_tokens"),
    *("tokens_source", "items_returned", "response_bytes", "server_ttft_ms", "server_tpot_ms"),
    *("server_queue_ms", "server_inference_ms", "request_id", "attempt_id"),
)
"""What the reply said, and when."""

_asked_of, _shared_of, _heard_of = attrgetter(*ASKED), attrgetter(*SHARED), attrgetter(*HEARD)
_WRITTEN = (*ASKED, *SHARED, *HEARD, "events")
_in_order = itemgetter(*map(_WRITTEN.index, FIELDS))
_FROM_ZERO = [
    *map(_WRITTEN.index, ("first_sent_ns", "handed_ns", "sent_ns", "headers_ns", "first_token_ns")),
    *map(_WRITTEN.index, ("first_visible_ns", "last_token_ns", "end_ns")),
]

# A `sent` entry, packed at once: its length, an array of four that begins with "sent", three int64.
_SENT = struct.Struct(">11sqBqBq")
_INT64 = 0xD3
_SENT_HEAD = _LENGTH.pack(_SENT.size - _LENGTH.size) + b"\x94\xa4sent" + bytes([_INT64])

_EVENT_BYTES = array("q").itemsize

FLUSH_EVERY_NS = 50_000_000
"""Entries reach the operating system at least this often while the writer is turned."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was handed to its socket; `known`: what the schedule says of others."""

    index: int
    scheduled_ns: int
    handed_ns: int
    known: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished request and the instants and sizes of its stream events."""

    record: Record
    event_ns: "array[int]"
    event_chars: "array[int]"


@dataclass(frozen=True, slots=True)
class Beat:
    """Every entry up to this instant reached the operating system."""

    now_ns: int


Entry = Sent | Ended | Beat


class LogWriter:
    """Collects entries and hands them to the operating system at least every 100 ms if `tick` is called.

    One thread only. Raises OSError when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        # Held as long as the writer lives, however it dies: `is_written` asks for it.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._pending = bytearray()
        self._flushed_ns = 0
        self._pack = Encoder(enc_hook=_left_out).encode

    def sent(
        self, index: int, scheduled_ns: int, handed_ns: int, known: dict[str, Any] | None = None
    ) -> None:
        """Note that a request is on its way."""
        if known is not None:
            self._add(["sent", index, scheduled_ns, handed_ns, known])
            return
        self._pending += _SENT.pack(_SENT_HEAD, index, _INT64, scheduled_ns, _INT64, handed_ns)

    def ended(self, record: Record, event_ns: "array[int]", event_chars: "array[int]") -> None:
        """Note what became of a request."""
        asked, shared, heard = _asked_of(record), _shared_of(record), _heard_of(record)
        self.ended_parts(asked, shared, heard, 0, event_ns.tobytes(), event_chars.tobytes())

    def ended_parts(
        self,
        asked: Sequence[Any],
        shared: Sequence[Any],
        heard: Any,
        zero_ns: int,
        event_ns: bytes,
        event_chars: bytes,
    ) -> None:
        """The same, as it is written; `heard` may be anything that msgspec packs as an array."""
        body = self._pack(("ended", asked, shared, heard, zero_ns, event_ns, event_chars))
        self._pending += _LENGTH.pack(len(body)) + body

    def tick(self, now_ns: int) -> None:
        """Flush if it is time."""
        if now_ns - self._flushed_ns >= FLUSH_EVERY_NS:
            self.flush(now_ns)

    def flush(self, now_ns: int) -> None:
        """Hand everything to the operating system, closed by a beat."""
        self._add(["beat", now_ns])
        while self._pending:
            written = os.write(self._file, self._pending)
            del self._pending[:written]
        self._flushed_ns = now_ns

    def close(self, now_ns: int) -> None:
        """Flush and close."""
        self.flush(now_ns)
        os.close(self._file)

    def _add(self, entry: Sequence[Any]) -> None:
        body = self._pack(entry)
        self._pending += _LENGTH.pack(len(body)) + body


@dataclass(frozen=True, slots=True)
class EndedRow:
    """An `ended` entry, its values in the order of FIELDS: making Records of a million takes minutes."""

    values: list[Any]
    event_ns: bytes
    event_chars: bytes


class LogRows:
    """The `ended` entries of a log, by the place where `LogReader.raw` found them."""

    def __init__(self, path: Path) -> None:
        # Not mapped: the pages of a mapped log would count as ours.
        self._file = os.open(path, os.O_RDONLY)

    def at(self, place: int) -> EndedRow:
        """The entry whose body begins there."""
        (length,) = _LENGTH.unpack(os.pread(self._file, _LENGTH.size, place - _LENGTH.size))
        return _row(*msgpack.unpackb(os.pread(self._file, length, place), raw=False)[1:])

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


def _row(
    asked: list[Any], shared: list[Any], heard: list[Any], zero_ns: int, event_ns: bytes, event_chars: bytes
) -> EndedRow:
    values = [*asked, *shared, *heard[: len(HEARD)], len(event_ns) // _EVENT_BYTES]
    if zero_ns:
        for place in _FROM_ZERO:
            if values[place] is not None:
                values[place] -= zero_ns
    return EndedRow(list(_in_order(values)), event_ns, event_chars)


def is_written(path: Path) -> bool:
    """Whether a living process still writes this log."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@dataclass(slots=True)
class LogReader:
    """Iterates over a log; after the end, `torn` says whether a torn last entry was dropped."""

    path: Path
    torn: bool = False

    def __iter__(self) -> Iterator[Entry]:
        return (_entry(parts) for _, parts in self.raw())

    def raw(self) -> Iterator[tuple[int, list[Any]]]:
        """Each entry as it was packed, and where its body begins in the file."""
        place = 0
        with self.path.open("rb") as file:
            while head := file.read(_LENGTH.size):
                body = file.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""
                if len(head) < _LENGTH.size or len(body) < _LENGTH.unpack(head)[0]:
                    self.torn = True
                    return
                yield place + _LENGTH.size, msgpack.unpackb(body, raw=False)
                place += _LENGTH.size + len(body)


def _entry(parts: list[Any]) -> Entry:
    match parts:
        case ["ended", *told]:
            row = _row(*told)
            row.values[_ATTEMPTS] = tuple(Attempt(*attempt) for attempt in row.values[_ATTEMPTS])
            record = Record(**dict(zip(FIELDS, row.values, strict=True)))
            return Ended(record, array("q", row.event_ns), array("i", row.event_chars))
        case ["sent", index, scheduled_ns, handed_ns, *known]:
            return Sent(index, scheduled_ns, handed_ns, *known)
        case ["beat", now_ns]:
            return Beat(now_ns)
    raise ValueError(f"not a log entry: {parts!r:.80}")


def _left_out(_value: Any) -> None:
    """Arrays of events among what was heard: they have a place of their own."""

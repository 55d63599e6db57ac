"""Schedule and logs -> requests.parquet and events.parquet: the books of a run.

Each scheduled request gets exactly one row: its Record where it ended, `unfinished` where it was sent and
never ended, `not_sent` where neither is known. In a closed loop the schedule is a ring of turns, and the
scheduled requests are those turns that became ready, which is what the log holds.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.record.folder import Books, RunFolder, Salvage, worker_of
from bench.record.log import FLUSH_EVERY_NS, EndedRow, LogReader, LogRows, Sent, values_of
from bench.record.schema import EVENTS, FIELDS, REQUESTS, Attempt, Outcome, Record

BATCH = 5_000
ROW_GROUP = 50_000

GRACE_NS = 4 * FLUSH_EVERY_NS
"""After a kill, what was due this long after the last beat may have happened without being logged."""

_ATTEMPTS = FIELDS.index("attempt_log")
_OUTCOME = FIELDS.index("outcome")
_NO_LOG = -1


class _Schedule:
    """What was to be sent; its rows, of which row i is request i, are read only if some never ended."""

    def __init__(self, folder: RunFolder) -> None:
        due = folder.schedule(["scheduled_ns"])["scheduled_ns"]
        self.size, self.is_ring = len(due), due.null_count > 0
        self._folder = folder

    @cached_property
    def rows(self) -> pa.Table:
        """All columns."""
        return self._folder.schedule()


@dataclass(slots=True)
class _Logs:
    """Where in the logs each ended request stands, and what else they hold."""

    paths: list[Path]
    index: "array[int]" = field(default_factory=lambda: array("q"))
    log: "array[int]" = field(default_factory=lambda: array("h"))
    place: "array[int]" = field(default_factory=lambda: array("q"))
    sent: dict[int, tuple[int, Sent]] = field(default_factory=dict)
    beats: list[int | None] = field(default_factory=list)
    torn: int = 0


@dataclass(slots=True)
class _Doubts:
    """Counts of what may have happened without being logged; `spans` follow the last beat of each worker."""

    spans: dict[int, range]
    late: int = 0
    unfinished: int = 0

    def note(self, row: Record) -> None:
        """A row that no log has an end of."""
        self.unfinished += row.outcome == Outcome.UNFINISHED
        span = self.spans.get(row.worker, range(0))
        self.late += row.outcome == Outcome.NOT_SENT and row.scheduled_ns in span


def join(folder: RunFolder, workers: int = 1) -> tuple[Books, Salvage]:
    """Write requests.parquet and events.parquet; returns the books, and what stays uncertain.

    Request i of an open loop was for worker i % `workers` to send, whether or not its log knows of it.

    Idempotent: it reads only the schedule and the logs. However many requests there are, it holds where they
    stand and some 50,000 of them. Raises FolderError without a schedule.
    """
    schedule = _Schedule(folder)
    logs = _read(folder.log_files())
    beats = [beat for beat in logs.beats if beat is not None]
    doubts = _Doubts(_spans(logs))
    books: Counter[str] = Counter()
    rows = [LogRows(path) for path in logs.paths]
    waiting: list[pa.Table] = []
    with (
        pq.ParquetWriter(folder.requests_file, REQUESTS, compression="zstd") as requests,
        pq.ParquetWriter(folder.events_file, EVENTS, compression="zstd") as events,
    ):
        for batch in _batches(schedule, logs, rows, doubts, workers):
            books.update(entry.values[_OUTCOME] for entry in batch)
            waiting.append(_request_table(batch))
            if sum(map(len, waiting)) >= ROW_GROUP:
                requests.write_table(_together(waiting))
                waiting.clear()
            events.write_table(_event_table([entry for entry in batch if entry.event_ns]))
        requests.write_table(_together(waiting))
    for log in rows:
        log.close()
    outcomes = {outcome.value: books[outcome.value] for outcome in Outcome}
    return Books(scheduled=books.total(), outcomes=outcomes), Salvage(
        torn_entries=logs.torn,
        last_beat_ns=min(beats, default=None),
        maybe_sent=doubts.late,
        maybe_ended=doubts.unfinished,
    )


def _spans(logs: _Logs) -> dict[int, range]:
    ends = {worker_of(path): beat or 0 for path, beat in zip(logs.paths, logs.beats, strict=True)}
    return {worker: range(end, end + GRACE_NS) for worker, end in ends.items()}


def _read(paths: list[Path]) -> _Logs:
    logs = _Logs(paths)
    for number, path in enumerate(paths):
        reader, beat = LogReader(path), None
        for place, parts in reader.raw():
            match parts:
                case ["ended", [index, *_], *_]:
                    logs.index.append(index)
                    logs.log.append(number)
                    logs.place.append(place)
                    logs.sent.pop(index, None)
                case ["sent", index, scheduled_ns, handed_ns, *known]:
                    logs.sent[index] = (worker_of(path), Sent(index, scheduled_ns, handed_ns, *known))
                case ["beat", now_ns]:
                    beat = now_ns
        logs.torn += reader.torn
        logs.beats.append(beat)
    return logs


Ints = npt.NDArray[np.int64]
Shorts = npt.NDArray[np.int16]


def _batches(
    schedule: _Schedule, logs: _Logs, rows: Sequence[LogRows], doubts: _Doubts, workers: int
) -> Iterator[list[EndedRow]]:
    """Every row of the books, by index."""
    index, log, place = _sorted(logs)
    logs.sent = {number: sent for number, sent in logs.sent.items() if not _holds(index, number)}
    rest = np.union1d(_rest(schedule, logs, index), _unscheduled(logs))
    index = np.concatenate([index, rest])
    log = np.concatenate([log, np.full(len(rest), _NO_LOG, np.int16)])
    place = np.concatenate([place, np.zeros(len(rest), np.int64)])
    order = np.argsort(index, kind="stable")
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        lost = _lost(schedule, logs, index[part][log[part] == _NO_LOG], doubts, workers)
        yield [
            next(lost) if number == _NO_LOG else rows[number].at(where)
            for number, where in zip(log[part].tolist(), place[part].tolist(), strict=True)
        ]


def _sorted(logs: _Logs) -> tuple[Ints, Shorts, Ints]:
    """Index, log and place of what ended, by index, each once: the first that was read."""
    # Views of the arrays, not copies: there may be millions.
    index, first = np.unique(np.asarray(logs.index), return_index=True)
    return index, np.asarray(logs.log)[first], np.asarray(logs.place)[first]


def _holds(index: Ints, number: int) -> bool:
    at = int(np.searchsorted(index, number))
    return at < len(index) and int(index[at]) == number


def _rest(schedule: _Schedule, logs: _Logs, ended: Ints) -> Ints:
    """The requests that never ended, sent or not; a turn of a closed loop that was not sent was not due."""
    if schedule.is_ring:
        return np.array(sorted(logs.sent), np.int64)
    return np.setdiff1d(np.arange(schedule.size), ended, assume_unique=True)


def _unscheduled(logs: _Logs) -> Ints:
    """Those of them that no schedule holds."""
    return np.array([number for number, (_, sent) in logs.sent.items() if sent.known], np.int64)


def _lost(schedule: _Schedule, logs: _Logs, index: Ints, doubts: _Doubts, workers: int) -> Iterator[EndedRow]:
    """Rows of requests without an end."""
    if not len(index):
        return
    for number, row in zip(index.tolist(), _planned_rows(schedule, logs, index), strict=True):
        known = row | {"worker": number % workers}
        record = _unfinished(known, *logs.sent[number]) if number in logs.sent else Record(**_planned(known))
        doubts.note(record)
        yield EndedRow(list(values_of(record)), b"", b"")


def _planned_rows(schedule: _Schedule, logs: _Logs, index: Ints) -> Iterator[dict[str, Any]]:
    """What was known of each before it was sent; in a closed loop the schedule is a ring."""
    told = {number: sent.known for number, (_, sent) in logs.sent.items() if sent.known}
    held = [number for number in index.tolist() if number not in told]
    rows = iter(
        schedule.rows.take(pa.array([number % schedule.size for number in held], pa.int64())).to_pylist()
    )
    for number in index.tolist():
        ringed = {"index": number, "conversation": number} if schedule.is_ring else {}
        yield told.get(number) or next(rows) | ringed


def _planned(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in FIELDS}


def _unfinished(row: dict[str, Any], worker: int, sent: Sent) -> Record:
    known = {
        "worker": worker,
        "scheduled_ns": sent.scheduled_ns,
        "first_sent_ns": sent.handed_ns,
        "handed_ns": sent.handed_ns,
        "outcome": Outcome.UNFINISHED,
        "attempts": 1,
    }
    return Record(**(_planned(row) | known))


def _request_table(rows: list[EndedRow]) -> pa.Table:
    columns = [list(column) for column in zip(*(row.values for row in rows), strict=True)]
    columns[_ATTEMPTS] = [[_attempt(attempt) for attempt in log] for log in columns[_ATTEMPTS]]
    return pa.table(dict(zip(FIELDS, columns, strict=True)), schema=REQUESTS)


def _together(parts: list[pa.Table]) -> pa.Table:
    """One row group: many small ones would cost every reader a multiple of the time."""
    return pa.concat_tables([REQUESTS.empty_table(), *parts]).unify_dictionaries().combine_chunks()


def _attempt(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(Attempt._fields, values, strict=True))


def _event_table(rows: list[EndedRow]) -> pa.Table:
    columns = {
        "index": [row.values[0] for row in rows],
        "event_ns": [np.frombuffer(row.event_ns, np.int64) for row in rows],
        "event_chars": [np.frombuffer(row.event_chars, np.int32) for row in rows],
    }
    return pa.table(columns, schema=EVENTS)

"""Schedule and logs -> requests.parquet and events.parquet: the books of a run.

Each scheduled request gets exactly one row: its Record where it ended, `unfinished` where it was sent and
never ended, `not_sent` where neither is known. In a closed loop the schedule is a ring of turns, and the
scheduled requests are those turns that became ready, which is what the log holds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.record.folder import Books, RunFolder, Salvage, worker_of
from bench.record.log import FLUSH_EVERY_NS, Beat, Ended, LogReader, Sent
from bench.record.schema import EVENTS, FIELDS, REQUESTS, Attempt, Outcome, Record

BATCH = 20_000

GRACE_NS = 4 * FLUSH_EVERY_NS
"""After a kill, what was due this long after the last beat may have happened without being logged."""


@dataclass(slots=True)
class _Logs:
    """What the logs of all workers hold."""

    sent: dict[int, tuple[int, Sent]] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    beats: list[int | None] = field(default_factory=list)
    torn: int = 0


def join(folder: RunFolder) -> tuple[Books, Salvage]:
    """Write requests.parquet and events.parquet; returns the books, and what stays uncertain.

    Idempotent: it reads only the schedule and the logs. Raises FolderError without a schedule.
    """
    schedule = folder.schedule()
    logs = _Logs()
    requests: list[pa.Table] = []
    events: list[pa.Table] = []
    for batch in _batches(_ended(folder, logs)):
        requests.append(_request_table(entry.record for entry in batch))
        events.append(_event_table(entry for entry in batch if entry.event_ns))
    rest = list(_rest(schedule, logs))
    requests.append(_request_table(rest))
    table = pa.concat_tables(requests).combine_chunks().sort_by("index")
    pq.write_table(table, folder.requests_file, compression="zstd")
    stream = pa.concat_tables([_event_table([]), *events]).combine_chunks().sort_by("index")
    pq.write_table(stream, folder.events_file, compression="zstd")
    return _books(table), _doubts(rest, logs)


def _ended(folder: RunFolder, logs: _Logs) -> Iterator[Ended]:
    for path in folder.log_files():
        worker, reader, beat = worker_of(path), LogReader(path), None
        for entry in reader:
            match entry:
                case Ended() if entry.record.index not in logs.ended:
                    logs.ended.add(entry.record.index)
                    logs.sent.pop(entry.record.index, None)
                    yield entry
                case Sent() if entry.index not in logs.ended:
                    logs.sent[entry.index] = (worker, entry)
                case Beat():
                    beat = entry.now_ns
        logs.torn += reader.torn
        logs.beats.append(beat)


def _rest(schedule: pa.Table, logs: _Logs) -> Iterator[Record]:
    """The rows that never ended: sent or not."""
    ring = schedule["scheduled_ns"].null_count > 0
    if ring:
        for index, (worker, sent) in sorted(logs.sent.items()):
            row = schedule.slice(index % len(schedule), 1).to_pylist()[0]
            yield _unfinished(row | {"index": index, "conversation": index}, worker, sent)
        return
    for start in range(0, len(schedule), BATCH):
        for row in schedule.slice(start, BATCH).to_pylist():
            if row["index"] in logs.sent:
                yield _unfinished(row, *logs.sent[row["index"]])
            elif row["index"] not in logs.ended:
                yield Record(**_planned(row))


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


def _batches(entries: Iterable[Ended]) -> Iterator[list[Ended]]:
    batch: list[Ended] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _request_table(records: Iterable[Record]) -> pa.Table:
    rows = list(records)
    columns = {name: [getattr(row, name) for row in rows] for name in FIELDS}
    columns["attempt_log"] = [[_attempt(attempt) for attempt in log] for log in columns["attempt_log"]]
    return pa.table(columns, schema=REQUESTS)


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in Attempt.__slots__}


def _event_table(entries: Iterable[Ended]) -> pa.Table:
    rows = list(entries)
    columns = {
        "index": [row.record.index for row in rows],
        "event_ns": [row.event_ns for row in rows],
        "event_chars": [row.event_chars for row in rows],
    }
    return pa.table(columns, schema=EVENTS)


def _books(table: pa.Table) -> Books:
    counts = Counter(table["outcome"].to_pylist())
    return Books(scheduled=len(table), outcomes={outcome.value: counts[outcome.value] for outcome in Outcome})


def _doubts(rest: list[Record], logs: _Logs) -> Salvage:
    beat = min((end for end in logs.beats if end is not None), default=None)
    after = [range(beat, beat + GRACE_NS) for beat in {end or 0 for end in logs.beats}]
    late = [
        row
        for row in rest
        if row.outcome == Outcome.NOT_SENT and any(row.scheduled_ns in span for span in after)
    ]
    unfinished = [row for row in rest if row.outcome == Outcome.UNFINISHED]
    return Salvage(
        torn_entries=logs.torn, last_beat_ns=beat, maybe_sent=len(late), maybe_ended=len(unfinished)
    )

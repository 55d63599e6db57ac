"""Schedules, records and logs for tests, and strategies that draw them."""

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from bench.record import SCHEDULE, Attempt, Ended, LogWriter, Outcome, Record, RunFolder, Sent

PLAN: dict[str, Any] = {
    "traffic_class": "chat",
    "operation": "chat",
    "stream": True,
    "model": "m",
    "profile": "l4",
}
MS = 1_000_000

_NS = st.integers(-(10**12), 10**15)
_INT32 = st.integers(0, 2**31 - 1)
_WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_FLOAT = st.floats(width=32, allow_nan=False)
_ATTEMPTS = st.builds(
    Attempt,
    sent_ns=_NS,
    end_ns=_NS,
    status=st.none() | st.integers(100, 999),
    code=st.none() | _WORD,
    retry_after_s=st.none() | _FLOAT,
)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "outcome": st.sampled_from(Outcome),
    "attempt_log": st.lists(_ATTEMPTS, max_size=2).map(tuple),
}
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    pa.int64(): _NS,
    pa.int32(): _INT32,
    pa.int16(): st.integers(0, 2**15 - 1),
    pa.float32(): _FLOAT,
    pa.bool_(): st.booleans(),
}


def _values(field: pa.Field) -> st.SearchStrategy[Any]:
    values = _BY_NAME.get(field.name, _BY_TYPE.get(field.type, _WORD))
    return st.none() | values if field.nullable else values


def any_records(schema: pa.Schema) -> st.SearchStrategy[Record]:
    """Records with every value that the columns can hold."""
    return st.builds(Record, **{field.name: _values(field) for field in schema})


def ended(index: int, outcome: str = Outcome.OK, events: int = 0, **said: Any) -> Ended:
    """A finished request that was due `index` milliseconds after the start."""
    facts = (
        PLAN
        | {"scheduled_ns": index * MS, "attempts": 1, "end_ns": (index + 5) * MS, "events": events}
        | said
    )
    record = Record(index=index, outcome=outcome, **facts)
    return Ended(record, array("q", range(events)), array("i", [3] * events))


def sent(index: int) -> Sent:
    """The same request on its way."""
    return Sent(index, index * MS, index * MS + 7)


def open_schedule(count: int) -> pa.Table:
    """One request a millisecond."""
    rows = [PLAN | {"index": index, "scheduled_ns": index * MS} for index in range(count)]
    return _table(rows)


def ring(users: int, turns: int) -> pa.Table:
    """Turns of closed-loop users, whose instants nobody knows ahead."""
    count = users * turns
    return _table(
        [PLAN | {"index": index, "user": index % users, "turn": 0, "think_ns": 5} for index in range(count)]
    )


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEDULE)


def write_log(path: Path, entries: Iterable[Sent | Ended], beat_ns: int = 10**12) -> None:
    """A log as a worker leaves it."""
    log = LogWriter(path)
    for entry in entries:
        if isinstance(entry, Sent):
            log.sent(entry.index, entry.scheduled_ns, entry.handed_ns, entry.known)
        else:
            log.ended(entry.record, entry.event_ns, entry.event_chars)
    log.close(beat_ns)


def run_folder(path: Path, schedule: pa.Table, *logs: Iterable[Sent | Ended]) -> RunFolder:
    """A run folder with a schedule and the logs of some workers."""
    path.mkdir(parents=True)
    folder = RunFolder(path)
    folder.write_schedule(schedule)
    for worker, entries in enumerate(logs):
        write_log(folder.log_file(worker), entries)
    return folder

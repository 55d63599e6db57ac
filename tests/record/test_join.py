import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.record import REQUESTS, Ended, FolderError, Outcome, RunFolder, Sent, join
from tests.record.records import MS, any_records, ended, open_schedule, ring, run_folder, sent, write_log

FINAL = [outcome for outcome in Outcome if outcome not in {Outcome.UNFINISHED, Outcome.NOT_SENT}]
FATES = st.lists(st.sampled_from(["sent", "neither", *FINAL]), max_size=25)


def _entries(fates: Sequence[str], first: int = 0) -> list[Sent | Ended]:
    found: list[Sent | Ended] = []
    for index, fate in enumerate(fates, first):
        if fate != "neither":
            found.append(sent(index))
        if fate in FINAL:
            found.append(ended(index, fate, events=index % 3))
    return found


def _joined(folder: RunFolder) -> tuple[pa.Table, pa.Table]:
    join(folder)
    return pq.read_table(folder.requests_file), pq.read_table(folder.events_file)


@settings(max_examples=15)
@given(FATES)
def test_every_scheduled_request_has_exactly_one_row(fates: list[str]) -> None:
    """Ended ones their outcome, sent ones `unfinished`, the rest `not_sent`; the books balance."""
    with tempfile.TemporaryDirectory() as place:
        folder = run_folder(Path(place) / "run", open_schedule(len(fates)), _entries(fates))
        books, _ = join(folder)
        rows = pq.read_table(folder.requests_file).to_pylist()
        events = pq.read_table(folder.events_file).to_pylist()
    words = {"sent": "unfinished", "neither": "not_sent"}
    assert [row["index"] for row in rows] == list(range(len(fates)))
    assert [row["outcome"] for row in rows] == [words.get(fate, fate) for fate in fates]
    assert [row["scheduled_ns"] for row in rows] == [index * MS for index in range(len(fates))]
    assert {row["profile"] for row in rows} <= {"l4"}
    assert [row["index"] for row in events] == [
        index for index, fate in enumerate(fates) if fate in FINAL and index % 3
    ]
    assert books.balanced
    assert books.scheduled == len(fates)
    assert set(books.outcomes) == set(Outcome)


@settings(max_examples=12)
@given(FATES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_rows_do_not_depend_on_how_many_logs_hold_them_or_in_which_order(
    fates: list[str], workers: int, shuffler: random.Random
) -> None:
    """Entries dealt to any logs in any order, some of them twice, give the same tables."""
    entries = _entries(fates)
    logs: list[list[Sent | Ended]] = [[] for _ in range(workers)]
    for entry in shuffler.sample(entries, len(entries)) + entries[::3]:
        logs[shuffler.randrange(workers)].append(entry)
    with tempfile.TemporaryDirectory() as place:
        one = _joined(run_folder(Path(place) / "one", open_schedule(len(fates)), entries))
        many = _joined(run_folder(Path(place) / "many", open_schedule(len(fates)), *logs))
    without_worker = [name for name in REQUESTS.names if name != "worker"]
    assert many[0].select(without_worker).to_pylist() == one[0].select(without_worker).to_pylist()
    assert many[1].to_pylist() == one[1].to_pylist()


@settings(max_examples=15)
@given(st.lists(any_records(REQUESTS), max_size=4))
def test_every_value_of_a_record_reaches_its_column(records: list[Any]) -> None:
    """Unicode, the largest integers, missing values, attempts."""
    by_index = {record.index: replace(record, events=0) for record in records}
    logged = [Ended(record, ended(0).event_ns, ended(0).event_chars) for record in by_index.values()]
    with tempfile.TemporaryDirectory() as place:
        table, _ = _joined(run_folder(Path(place) / "run", open_schedule(0), logged))
    rows = table.to_pylist()
    assert [row["index"] for row in rows] == sorted(by_index)
    for row in rows:
        record = by_index[row["index"]]
        attempts = [one._asdict() for one in record.attempt_log]
        assert row == {name: getattr(record, name) for name in REQUESTS.names} | {"attempt_log": attempts}


def test_a_closed_loop_counts_the_turns_that_became_ready(tmp_path: Path) -> None:
    """Turns past the ring take its facts; those that never became ready are no rows."""
    entries: list[Sent | Ended] = [sent(0), ended(0, user=0, turn=0), sent(1), sent(13)]
    folder = run_folder(tmp_path / "run", ring(users=3, turns=4), entries)
    books, doubts = join(folder)
    rows = pq.read_table(folder.requests_file).to_pylist()
    assert [(row["index"], row["outcome"], row["user"]) for row in rows] == [
        (0, "ok", 0),
        (1, "unfinished", 1),
        (13, "unfinished", 1),
    ]
    assert [row["scheduled_ns"] for row in rows] == [0, MS, 13 * MS]
    assert [row["first_sent_ns"] for row in rows[1:]] == [MS + 7, 13 * MS + 7]
    assert [row["conversation"] for row in rows[1:]] == [1, 13]
    assert (books.scheduled, doubts.maybe_ended, doubts.maybe_sent) == (3, 2, 0)


def test_a_row_names_the_worker_whose_log_it_was_in(tmp_path: Path) -> None:
    """By the log's number, also where another worker's log is missing."""
    folder = run_folder(tmp_path / "run", open_schedule(6))
    write_log(folder.log_file(2), [sent(2)])
    write_log(folder.log_file(10), [sent(4)])
    rows = _joined(folder)[0].to_pylist()
    assert [row["worker"] for row in rows] == [0, 0, 2, 0, 10, 0]


def test_what_no_log_knows_was_for_the_worker_of_its_slice(tmp_path: Path) -> None:
    """By index modulo the workers; what may have been sent is counted by its own worker's last beat."""
    folder = run_folder(tmp_path / "run", open_schedule(1000))
    write_log(folder.log_file(0), [ended(index) for index in range(0, 1000, 2)], beat_ns=600 * MS)
    write_log(folder.log_file(1), [ended(1), sent(3)], beat_ns=100 * MS)
    _, doubts = join(folder, 2)
    rows = pq.read_table(folder.requests_file, columns=["worker"])
    assert rows["worker"].to_pylist() == [0, 0, 0, 1] + [index % 2 for index in range(4, 1000)]
    assert (doubts.maybe_sent, doubts.maybe_ended) == (100, 1)


def test_what_a_kill_leaves_in_doubt_is_counted(tmp_path: Path) -> None:
    """Due just after a log's last beat: perhaps sent; sent and never ended: perhaps ended."""
    folder = run_folder(tmp_path / "run", open_schedule(1000))
    write_log(folder.log_file(0), [sent(3), sent(4), ended(4)], beat_ns=100 * MS)
    log = folder.log_file(0)
    log.write_bytes(log.read_bytes() + b"\x40\x00\x00\x00half")
    _, doubts = join(folder)
    assert (doubts.torn_entries, doubts.last_beat_ns) == (1, 100 * MS)
    assert (doubts.maybe_sent, doubts.maybe_ended) == (200, 1)


def test_a_log_without_a_beat_puts_the_first_requests_in_doubt(tmp_path: Path) -> None:
    """Killed before its first flush, a worker may have sent what nobody knows of."""
    folder = run_folder(tmp_path / "run", open_schedule(1000))
    folder.log_file(0).parent.mkdir()
    folder.log_file(0).touch()
    _, doubts = join(folder)
    assert (doubts.last_beat_ns, doubts.maybe_sent) == (None, 200)


def test_joining_again_changes_nothing(tmp_path: Path) -> None:
    """It reads only schedule and logs."""
    folder = run_folder(tmp_path / "run", open_schedule(5), _entries(["ok", "sent", "neither", "failed"]))
    first = join(folder), folder.requests_file.read_bytes()
    assert (join(folder), folder.requests_file.read_bytes()) == first


def test_more_requests_than_one_batch(tmp_path: Path) -> None:
    """Batches, each with words of its own, become one table."""
    count = 20_050
    logs = [ended(index, finish_reason=f"word {index % 3 + index // 20_000}") for index in range(count)]
    folder = run_folder(tmp_path / "run", open_schedule(count + 1), logs)
    books, _ = join(folder)
    table = pq.read_table(folder.requests_file)
    assert table["index"].to_pylist() == list(range(count + 1))
    assert table["finish_reason"].to_pylist()[:count] == [entry.record.finish_reason for entry in logs]
    assert (books.outcomes["ok"], books.outcomes["not_sent"]) == (count, 1)


def test_a_folder_without_schedule_cannot_be_joined(tmp_path: Path) -> None:
    """One sentence says why."""
    with pytest.raises(FolderError, match=r"no schedule\.parquet"):
        join(RunFolder(tmp_path))


@pytest.mark.parametrize("schedule", [ring(2, 3), ring(0, 0)], ids=["beside a ring", "alone"])
def test_a_request_that_no_schedule_holds_says_itself_what_it_was(schedule: pa.Table, tmp_path: Path) -> None:
    """Sent and never ended: its row has what its log entry knew, not what the schedule has in its place."""
    known = {"index": 3, "traffic_class": "mine", "operation": "encode", "stream": False, "model": "m",
             "user": 1, "conversation": 1, "turn": 1, "items_asked": 2}  # fmt: skip
    folder = run_folder(tmp_path / "run", schedule, [Sent(3, 30, 31, known), ended(1)])
    requests, _ = _joined(folder)
    rows = requests.to_pylist()
    assert [row["index"] for row in rows] == [1, 3]
    assert {name: rows[1][name] for name in known} == known
    assert (rows[1]["outcome"], rows[1]["scheduled_ns"], rows[1]["handed_ns"]) == ("unfinished", 30, 31)

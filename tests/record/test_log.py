import tempfile
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.record import REQUESTS, Beat, Ended, LogReader, LogWriter, Record, Sent
from tests.record.records import any_records, ended, sent, write_log

_INT64 = st.integers(-(2**63), 2**63 - 1)


def _ended(record: Record, events: list[tuple[int, int]]) -> Ended:
    """It counts its events."""
    instants, chars = [at_ns for at_ns, _ in events], [count for _, count in events]
    return Ended(replace(record, events=len(events)), array("q", instants), array("i", chars))


_EVENTS = st.lists(st.tuples(_INT64, st.integers(0, 2**31 - 1)), max_size=4)
ENDED = st.builds(_ended, any_records(REQUESTS), _EVENTS)
SENT = st.builds(Sent, st.integers(0, 2**40), _INT64, _INT64)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENDED | SENT, max_size=5))
def test_what_was_logged_is_read_again(entries: list[Sent | Ended]) -> None:
    """Every field of every record, and the instants of its events."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log" / "worker-0.msgpack"
        write_log(path, entries, beat_ns=99)
        reader = LogReader(path)
        assert list(reader) == [*entries, Beat(99)]
        assert not reader.torn


def test_a_log_cut_anywhere_gives_the_entries_before_the_cut(tmp_path: Path) -> None:
    """A torn last entry is dropped and told; a cut between two entries is not torn."""
    whole, torn = tmp_path / "whole.msgpack", tmp_path / "torn.msgpack"
    write_log(whole, [sent(1), ended(1, events=3), sent(2)])
    data, entries = whole.read_bytes(), list(LogReader(whole))
    clean = 0
    for length in range(len(data) + 1):
        torn.write_bytes(data[:length])
        reader = LogReader(torn)
        found = list(reader)
        assert found == entries[: len(found)]
        clean += not reader.torn
    assert clean == len(entries) + 1
    assert len(entries) == 4


def test_entries_reach_the_disk_when_the_writer_is_turned(tmp_path: Path) -> None:
    """At least every 100 ms, each time closed by a beat that says how far the log reaches."""
    path = tmp_path / "worker-0.msgpack"
    log = LogWriter(path)
    log.tick(100_000_000)
    log.sent(1, 5, 6)
    log.tick(100_000_001)
    assert list(LogReader(path)) == [Beat(100_000_000)]
    log.tick(200_000_000)
    assert list(LogReader(path)) == [Beat(100_000_000), Sent(1, 5, 6), Beat(200_000_000)]
    log.close(300_000_000)
    assert list(LogReader(path))[-1] == Beat(300_000_000)


def test_a_log_is_never_written_over(tmp_path: Path) -> None:
    """A second writer for the same file is an error."""
    write_log(tmp_path / "worker-0.msgpack", [])
    with pytest.raises(FileExistsError):
        LogWriter(tmp_path / "worker-0.msgpack")


def test_a_record_is_immutable() -> None:
    """What happened does not change."""
    with pytest.raises(AttributeError):
        setattr(ended(1).record, "outcome", "ok")  # noqa: B010 - mypy would refuse the plain assignment
    assert isinstance(ended(1).record, Record)

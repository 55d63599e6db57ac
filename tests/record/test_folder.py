import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.record import Books, Clock, FolderError, RunFolder, RunInfo, TargetSaid, create_folder

NOW = datetime(2026, 11, 22, 13, 15, tzinfo=UTC)
INFO = RunInfo(run_id="ab" * 16, created="2026-11-22T13:15:00Z", scenario={"name": "mixed"})


def test_a_folder_is_named_after_instant_and_scenario_and_a_second_one_is_numbered(tmp_path: Path) -> None:
    """Nothing is written over, and the parents are made."""
    names = [create_folder(tmp_path / "results", "mixed-sim", NOW).path.name for _ in range(3)]
    assert names == [f"20261122T131500Z-mixed-sim{end}" for end in ("", "-2", "-3")]
    assert {path.name for path in (tmp_path / "results").iterdir()} == set(names)


def test_an_exact_folder_must_not_exist(tmp_path: Path) -> None:
    """Not even empty."""
    folder = create_folder(tmp_path, "unused", NOW, exact=tmp_path / "a" / "b")
    assert folder.path == tmp_path / "a" / "b"
    assert folder.path.is_dir()
    with pytest.raises(FolderError, match="exists; name a folder that does not"):
        create_folder(tmp_path, "unused", NOW, exact=tmp_path / "a" / "b")


def test_a_folder_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be made: Not a directory"):
        create_folder(tmp_path, "unused", NOW, exact=tmp_path / "file" / "run")


def test_run_json_is_written_whole_and_read_again(tmp_path: Path) -> None:
    """Over an older one too; no draft is left, and it says its format."""
    folder = RunFolder(tmp_path)
    folder.save(INFO)
    complete = INFO.model_copy(
        update={
            "state": "complete",
            "clock": Clock(monotonic_ns=5, wall_ns=6, boot_id="b"),
            "target": TargetSaid(kind="sie", url="http://h", live_workers={"l4": 2}),
            "books": Books(scheduled=3, outcomes={"ok": 3}),
        }
    )
    folder.save(complete)
    assert folder.info() == complete
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["format_version"] == 1
    assert set(facts["format_history"]) == {"1"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is no run folder: it has no run.json"),
        ('{"format_version"', "is not valid JSON"),
        ('{"format_version": 2}', "has format version 2; this bench reads up to 1"),
        ('{"format_version": "1"}', "has format version 1"),
        ("[]", "has format version None"),
        ('{"format_version": 1}', "run_id: Field required"),
        ('{"format_version": 1, "run_id": "a", "created": "b", "scenario": {}, "x": 1}', "x: Extra inputs"),
    ],
)
def test_a_run_json_that_cannot_be_read_says_why(tmp_path: Path, text: str | None, words: str) -> None:
    """Missing, torn, newer, or not ours: one sentence, no traceback."""
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(FolderError) as caught:
        RunFolder(tmp_path).info()
    assert words in str(caught.value)


def test_logs_are_listed_in_the_order_of_their_workers(tmp_path: Path) -> None:
    """Ten comes after nine."""
    folder = RunFolder(tmp_path)
    for worker in (10, 9, 0):
        folder.log_file(worker).parent.mkdir(exist_ok=True)
        folder.log_file(worker).touch()
    assert folder.log_files() == [folder.log_file(worker) for worker in (0, 9, 10)]


def test_a_torn_last_line_of_health_is_left_out(tmp_path: Path) -> None:
    """And no file is no lines."""
    folder = RunFolder(tmp_path)
    assert list(folder.health()) == []
    folder.health_file.write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert list(folder.health()) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("books", "balanced"),
    [({"ok": 2, "failed": 1}, True), ({"ok": 2}, False), ({"ok": 2, "failed": 2}, False)],
)
def test_books_balance_only_with_nothing_lost_and_nothing_twice(
    books: dict[str, Any], balanced: bool
) -> None:
    """The outcomes sum to what was scheduled."""
    assert Books(scheduled=3, outcomes=books).balanced is balanced

"""A folder has one process that fills it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.record import FolderError, held

HOLD = """
import sys
from pathlib import Path
from bench.record import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_under_another_name_and_freed_by_a_kill(tmp_path: Path) -> None:
    """Nobody else gets it while its process lives; then the next one does."""
    (tmp_path / "run").mkdir()
    words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            (tmp_path / "run").rename(tmp_path / "aside")
            with pytest.raises(FolderError, match="aside is being filled by another process"), \
                 held(tmp_path / "aside", 0):  # fmt: skip
                pass
        finally:
            other.kill()
    with held(tmp_path / "aside", 5):
        pass


def test_what_is_no_folder_cannot_be_held(tmp_path: Path) -> None:
    """The reason is told."""
    with pytest.raises(FolderError, match="cannot be opened: No such file"), held(tmp_path / "none"):
        pass

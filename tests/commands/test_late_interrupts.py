"""Ctrl-C when the drive has nothing left to stop."""

import os
import signal
from pathlib import Path
from typing import Any

from bench.commands.processes import drive
from tests.conftest import Sim
from tests.drive.runs import FLEET, prepared


def test_an_interrupt_after_the_books_are_closed_is_told_all_the_same(sim: Sim, tmp_path: Path) -> None:
    """The run is whole and the drive ends with 0; whoever pressed Ctrl-C wants no further run: 130."""
    folder = prepared(tmp_path, sim(*FLEET))
    heard: list[str] = []

    def listen(line: dict[str, Any]) -> None:
        heard.extend(line)
        if "books" in line:
            os.kill(os.getpid(), signal.SIGINT)

    assert drive(folder.path, listen) == 130
    assert heard[-1] == "interrupt"
    assert folder.info().state == "complete"

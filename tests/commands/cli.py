"""The `bench` command as a user types it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

BENCH = Path(sys.executable).with_name("bench")
SCENARIOS = ROOT / "scenarios"


@dataclass(frozen=True)
class Said:
    """What a command left on the screen."""

    code: int
    out: str
    err: str


def bench(*words: str | Path, cwd: Path, limit_s: float = 150) -> Said:
    """Run a command to its end; a traceback is never a good answer."""
    done = subprocess.run(
        [BENCH, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def only_run(results: Path) -> Path:
    """The one run folder in a results folder."""
    (found,) = (file.parent for file in results.glob("*/run.json"))
    return found

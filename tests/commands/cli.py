"""The `bench` command as a user types it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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


def one_line(text: str) -> str:
    """Without the breaks at 100 columns."""
    return " ".join(text.split())


def interrupted(
    *words: str | Path, cwd: Path, when: Callable[[str], bool], by: signal.Signals = signal.SIGINT
) -> Said:
    """Send a signal to a command as soon as that holds (of what it has printed), and wait for its end."""
    command = [str(word) for word in (BENCH, *words)]
    out, err = cwd / "printed.txt", cwd / "errors.txt"
    with (
        out.open("w") as to,
        err.open("w") as errors,
        subprocess.Popen(
            command, cwd=cwd, stdout=to, stderr=errors, env=os.environ | {"NO_COLOR": "1"}
        ) as process,
    ):
        try:
            limit_s = time.monotonic() + 120
            while not when(out.read_text()):
                assert process.poll() is None, err.read_text()
                assert time.monotonic() < limit_s, out.read_text()
                time.sleep(0.05)
            process.send_signal(by)
            process.wait(timeout=120)
        finally:
            process.kill()
    return Said(process.returncode, out.read_text(), err.read_text())


def only_run(results: Path) -> Path:
    """The one run folder in a results folder."""
    (found,) = (file.parent for file in results.glob("*/run.json"))
    return found

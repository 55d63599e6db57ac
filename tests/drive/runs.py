"""Run folders for the drive, and the drive as a process."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from bench.record import RunFolder, RunInfo
from bench.scenario import load

SCENARIO = """
name: test
duration_s: 4
drain_s: 10
arrivals: {process: constant, rate_per_s: 10}
classes:
  - name: chat
    operation: chat
    model: Qwen/Qwen3-4B
    profiles: [a100-40gb]
    input_tokens: 40
    output_tokens: 12
"""

FOUR_KINDS = """
name: test
duration_s: 4
drain_s: 10
arrivals: {process: constant, rate_per_s: 15}
classes:
  - &chat {name: chat, operation: chat, model: Qwen/Qwen3-4B, profiles: [a100-40gb], input_tokens: 40,
           output_tokens: 12}
  - {<<: *chat, name: plain, stream: false}
  - {<<: *chat, name: generate, operation: generate, output_tokens: 9}
  - {<<: *chat, name: whole, operation: generate, stream: false, output_tokens: 9}
  - {name: encode, operation: encode, model: BAAI/bge-m3, batch_size: 3, input_tokens: 40,
     profiles: [a100-40gb]}
  - {name: score, operation: score, model: BAAI/bge-reranker-v2-m3, documents: 4, input_tokens: 40,
     profiles: [a100-40gb]}
"""

FLEET = ("--fleet", "a100-40gb=1")


def prepared(path: Path, url: str, text: str = SCENARIO, *changes: str) -> RunFolder:
    """A run folder as `bench run` leaves it for the drive."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path / "run")
    folder.path.mkdir()
    folder.scenario_file.write_text(text, encoding="utf-8")
    scenario = load(folder.scenario_file, [f"target.url={url}", *changes])
    created = "2026-11-22T00:00:00+00:00"
    folder.save(RunInfo(run_id=uuid.uuid4().hex, created=created, scenario=scenario.model_dump(mode="json")))
    return folder


class Drive:
    """`python -m bench.drive` on a run folder."""

    def __init__(self, folder: RunFolder, *options: str, **environment: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.drive", str(folder.path), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def until_sent(self, count: int) -> None:
        """Wait until it says that so many requests were sent."""
        self._until(lambda line: line.get("progress", {}).get("sent", 0) >= count)

    def until_said(self, words: str) -> str:
        """Wait until it says something with these words."""
        return str(self._until(lambda line: words in line.get("say", ""))["say"])

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for text in self.process.stdout or ():
            line: dict[str, Any] = json.loads(text)
            if wanted(line):
                return line
        raise AssertionError("it ended before that")

    def interrupt(self, by: signal.Signals = signal.SIGINT) -> None:
        """Ctrl-C, as a terminal sends it, or what a service manager sends."""
        self.process.send_signal(by)

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.end()

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


def drive(folder: RunFolder, *options: str, **environment: str) -> pd.DataFrame:
    """Run to the end; the requests. Fails where the drive does."""
    code, _, err = Drive(folder, *options, **environment).end()
    assert code == 0, err
    return requests_of(folder)


def told_by(module: str, *words: str, given: str | None = None) -> Any:
    """What a module beside this one prints, as JSON; a process, because Locust patches the one it is in."""
    command = [sys.executable, "-m", f"tests.drive.{module}", *words]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def requests_of(folder: RunFolder) -> pd.DataFrame:
    """requests.parquet as a frame, after a look at the books."""
    frame: pd.DataFrame = pq.read_table(folder.requests_file).to_pandas()
    books = folder.info().books
    assert books is not None
    assert books.balanced
    assert books.scheduled == len(frame) == frame["index"].nunique()
    assert {name: n for name, n in books.outcomes.items() if n} == counts(frame)
    return frame


def child(pid: int, words: str) -> int:
    """The process that a process started with these words, which are apart by NUL, in its command line."""
    for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if words.encode() + b"\0" in Path(f"/proc/{number}/cmdline").read_bytes():
            return int(number)
    raise AssertionError(f"no process with {words!r}")


def wait_for(path: Path, limit_s: float = 30.0, every_s: float = 0.05) -> None:
    """Until a file is there."""
    end = time.monotonic() + limit_s
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(every_s)


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Requests by outcome."""
    found = frame["outcome"].value_counts()
    return {str(name): int(n) for name, n in found.items() if n}

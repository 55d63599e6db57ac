"""Locust as a user types it, with a locustfile of their own."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow.parquet as pq

from bench.record import RunFolder
from tests.commands.cli import BENCH, only_run

LOCUST = BENCH.with_name("locust")

HEAD = """
import json
from locust import TaskSet, between, constant, task
from bench.locustfile import PoolUser, ReplyError

CHAT = {"model": "Qwen/Qwen3-4B", "profile": "l4", "max_tokens": 6}
said = open("said.jsonl", "a", buffering=1)

def note(reply, **more):
    told = {name: getattr(reply, name) for name in ("index", "outcome", "conversation", "turn", "ttft_ms",
            "tpot_ms", "e2e_ms", "in_tokens", "out_tokens", "items_returned", "text")}
    said.write(json.dumps(told | more) + "\\n")
    return reply
"""


TALK = """
class Person(PoolUser):
    wait_time = constant(0.2)

    @task
    def talk(self):
        note(self.client.chat("hello", **CHAT))
"""


class Locust:
    """A Locust process in a folder."""

    def __init__(self, folder: Path, text: str, *words: str, **environment: str) -> None:
        (folder / "mine.py").write_text(HEAD + text, encoding="utf-8")
        self.folder = folder
        self.process = subprocess.Popen(
            [LOCUST, "-f", "mine.py", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
        )

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def end(self) -> tuple[int, str]:
        """Exit code, and what it printed."""
        out, _ = self.process.communicate(timeout=120)
        return self.process.returncode, out

    def said(self) -> list[dict[str, Any]]:
        """What the file noted."""
        file = self.folder / "said.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def until(self, is_so: Callable[[], bool], limit_s: float = 60) -> None:
        """Wait until something is so."""
        end = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < end, "that never was"
            assert self.process.poll() is None, self.end()[1]
            time.sleep(0.1)


def recorded(folder: Path) -> pd.DataFrame:
    """The requests of a run by index, after a look at the books."""
    frame: pd.DataFrame = pq.read_table(folder / "requests.parquet").to_pandas().set_index("index")
    books = RunFolder(folder).info().books
    assert books is not None
    assert books.balanced
    assert books.scheduled == len(frame) == frame.index.nunique()
    return frame


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def click(url: str, path: str, **form: Any) -> None:
    """On a button of Locust's page."""
    assert httpx.post(f"{url}{path}", data=form).json()["success"]


Start = Callable[..., Locust]


def stopped(locust: Locust, is_so: Callable[[], bool]) -> Path:
    """The run folder, after Ctrl-C once something is so; fails where Locust was not content."""
    locust.until(is_so)
    locust.interrupt()
    code, out = locust.end()
    assert code == 0, out
    return only_run(locust.folder / "results")


def logged(locust: Locust, size: int) -> bool:
    """Whether a log of its runs is larger than that."""
    return any(log.stat().st_size > size for log in locust.folder.glob("results/*/log/*"))

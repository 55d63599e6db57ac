"""`bench provision` against simulated gateways: truth, what is refused, and how it goes on."""

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from bench.experiment import read
from tests.commands.cli import SCENARIOS, bench, interrupted
from tests.commands.restarted import hold_against_truth, restarted
from tests.conftest import Sim

COLD = ("provision", SCENARIOS / "cold-start.yaml", "--profile", "l4")
BUSY = ("provision", SCENARIOS / "scale-out.yaml", "--profile", "l4", "--from", "1")
SHORT = ("--set", "duration_s=10", "--set", "drain_s=2")
PATIENT = ("--set", "retry.policy=wait", "--set", "retry.cap_s=2")


@pytest.mark.timeout(600)
def test_starts_hold_the_truth_and_go_on_after_an_interrupt(tmp_path: Path) -> None:
    """Each interval has the worker's instant in it, though the clients wait as long as they are advised.

    Ctrl-C in the second start keeps the first and reports it; --resume makes the second, and the third that
    is asked for now, and no other.
    """
    folder = tmp_path / "mine"
    with restarted(tmp_path, scale=0.012) as gateway:
        words: tuple[str | Path, ...] = (*COLD, *SHORT, *PATIENT, *gateway)
        stopped = (*words, "--repeat", "2", "--out", "mine")
        said = interrupted(*stopped, cwd=tmp_path, when=lambda _: (folder / "l4-2" / "log").exists())
        assert said.code == 130, said.out + said.err
        assert "1 of 2 runs made" in said.out
        assert [job.done for job in read(folder).runs] == [True, False]
        before = (folder / "l4-1" / "run.json").stat().st_mtime_ns
        said = bench(*words, "--repeat", "3", "--resume", "mine", cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert before == (folder / "l4-1" / "run.json").stat().st_mtime_ns
    assert (folder / "l4-2-stopped-1").exists()
    other = bench(*words, "--resume", "mine", "--target", "http://127.0.0.1:9", cwd=tmp_path)
    assert (other.code, "was planned with other options" in other.err) == (2, True)
    hold_against_truth(tmp_path, folder, count=3)
    found = json.loads((folder / "provision.json").read_text())
    assert (found["made"], found["refused"]) == (3, [])
    assert "covers p36 with 95% confidence (n = 3)" in " ".join(said.out.split())
    assert (folder / "report.html").exists()


@pytest.mark.timeout(300)
def test_one_worker_more_holds_the_truth(tmp_path: Path) -> None:
    """The interval has the instant in it at which the gateway's second worker was ready.

    The autoscaler looks every 15 s, so a start takes so long however short the machine's part of it is.
    """
    brief = ("--set", "duration_s=40", "--set", "drain_s=0", "--repeat", "1", "--out", "mine")
    with restarted(tmp_path, scale=0.012, fleet="l4/sglang=1..2", more="--autoscale") as gateway:
        said = bench(*BUSY, *brief, *gateway, cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    hold_against_truth(tmp_path, tmp_path / "mine", count=1, models=["Qwen/Qwen3-4B"])
    found = json.loads((tmp_path / "mine" / "provision.json").read_text())
    assert (found["from_workers"], found["lanes"][0]["from_workers"], found["refused"]) == (1, 1, [])
    text = " ".join(said.out.split())
    assert "Scale-out under load, from 1 worker" in text
    assert "the median scale-out from 1 worker took" in text
    assert "covers p5 with 95% confidence (n = 1)" in text


def test_a_worker_that_never_comes_is_kept(sim: Sim, tmp_path: Path) -> None:
    """A lane that cannot grow: the start is longer than its run, and that is all. No other plan goes on."""
    words = (*BUSY, "--set", "duration_s=3", "--target", sim("--fleet", "l4=1"), "--repeat", "1")
    said = bench(*words, "--set", "drain_s=0", "--out", "mine", cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    (lane,) = json.loads((tmp_path / "mine" / "provision.json").read_text())["lanes"]
    assert (lane["count"], lane["still_cold"], lane["longest_s"]) == (1, 1, None)
    assert 1 < lane["starts"][0]["start"]["delay_low_s"] < 4
    assert "no further worker had the model" in " ".join(said.out.split())
    other = bench(*words, "--from", "2", "--resume", "mine", cwd=tmp_path)
    assert (other.code, "was planned with other options" in other.err) == (2, True)


@pytest.mark.parametrize(
    ("command", "options", "sentences"),
    [
        (COLD, ("--fleet", "l4=1"), ("no cold lane within 0 s", "default-l4-")),
        (
            COLD,
            ("--fleet", "l4=0..1,a100-40gb=1"),
            ("l4-1: Qwen/Qwen3-4B / l4 is no evidence", "it refused nothing as cold"),
        ),
        (
            BUSY,
            ("--fleet", "l4/sglang=2"),
            ("no lane with 1 worker within 0 s", "has default-l4-sglang-1, default-l4-sglang-2"),
        ),
        (BUSY, ("--fleet", "l4=0..1"), ("Qwen/Qwen3-4B on l4 has none", "is measured with --from 0")),
        (
            BUSY,
            ("--fleet", "l4/sglang=1", "--model-load-s", "5"),
            ("without that model loaded", "--before-start"),
        ),
    ],
    ids=["warm", "stranger", "more", "none", "model not loaded"],
)
def test_a_lane_that_is_not_as_it_must_be_is_refused(
    sim: Sim,
    tmp_path: Path,
    command: tuple[str | Path, ...],
    options: tuple[str, ...],
    sentences: tuple[str, ...],
) -> None:
    """It is told why, with exit code 4.

    From cold a worker may be there, or a 0.4 gateway let another profile answer; under load there may be more
    workers than said, none, or none that has the model.
    """
    words = ("--wait-cold", "0", "--set", "duration_s=2", "--target", sim(*options), "--out", "mine")
    said = bench(*command, *words, cwd=tmp_path)
    assert said.code == 4, said.out + said.err
    text = " ".join(said.out.split())
    assert all(sentence in text for sentence in sentences), text
    assert "and go on with --resume mine" in text
    assert not any(job.done for job in read(tmp_path / "mine").runs)


class _Gateway(BaseHTTPRequestHandler):
    """One that only tells of its workers, of which the test decides, and refuses to do any work."""

    workers: ClassVar[Callable[[float], list[dict[str, Any]]]]
    """Those that it names so many seconds after it was first asked to work; 0 before."""
    asked_s: ClassVar[float | None] = None

    def do_GET(self) -> None:
        """/health, whatever is asked."""
        since_s = 0.0 if self.asked_s is None else time.monotonic() - self.asked_s
        named = type(self).workers(since_s)
        health = {"type": "gateway", "cluster": {"worker_count": 1}, "workers": named, "models": []}
        self._answer(200, json.dumps(health).encode())

    def do_POST(self) -> None:
        """Any work."""
        type(self).asked_s = self.asked_s or time.monotonic()
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(503, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _worker(name: str) -> list[dict[str, Any]]:
    return [{"name": name, "gpu": "l4", "healthy": True, "loaded_models": ["Qwen/Qwen3-4B"]}]


@pytest.mark.parametrize(
    ("workers", "sentence"),
    [
        (lambda _: [], "names no workers in its /health"),
        (
            lambda since_s: _worker("old" if since_s < 1.5 else "new"),
            "a worker was lost: 1 had Qwen/Qwen3-4B",
        ),
    ],
    ids=["nameless", "replaced"],
)
def test_workers_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, workers: Callable[[float], list[dict[str, Any]]], sentence: str
) -> None:
    """By a gateway that counts and names none, and where one came in another's place: exit code 4."""
    handler = type("Handler", (_Gateway,), {"workers": staticmethod(workers)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        target = ("--target", f"http://127.0.0.1:{server.server_port}", "--set", "duration_s=4")
        said = bench(*BUSY, *target, cwd=tmp_path)
        server.shutdown()
    assert said.code == 4, said.out + said.err
    assert sentence in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("scenario", "words", "sentence"),
    [
        ("chat-closed-loop", ("--set", "target.kind=openai"), "target.kind openai tells of no workers"),
        ("chat-closed-loop", (), "is a closed loop, whose users say nothing while they wait"),
        ("cold-start", ("--before-start", "false"), "exited with 1 before l4-1"),
        ("cold-start", ("--target", "http://127.0.0.1:9"), "nothing answers at"),
    ],
)
def test_what_cannot_be_started_is_told(
    scenario: str, words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    """One sentence and exit code 2."""
    said = bench("provision", SCENARIOS / f"{scenario}.yaml", "--profile", "l4", *words, cwd=tmp_path)
    assert said.code == 2, said.out + said.err
    assert sentence in said.err

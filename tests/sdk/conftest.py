"""Start the simulated gateway in the project's environment, and clients of it in the SDK's."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sdk.clients import VERSION, AsyncClient, Client, SyncClient

collect_ignore_glob = [] if VERSION else ["test_*.py"]

Start = Callable[..., str]
Connect = Callable[..., Client]
Faulty = Callable[..., Client]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts a gateway of the SDK's dialect with these options and more environment, and returns its URL."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str, **more: str) -> str:
        dialect = VERSION.rpartition(".")[0]
        command = [os.environ["BENCH_PYTHON"], "-m", "bench.sim", "--dialect", dialect, *options]
        process = subprocess.Popen(
            [*command, "--until-stdin-closes"],
            env=os.environ | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        return str(json.loads(process.stdout.readline())["url"])

    yield run
    for process in started:
        assert process.stdin
        process.stdin.close()
    for process in started:
        process.wait(timeout=30)
        assert process.stdout
        process.stdout.close()


@pytest.fixture(scope="module")
def url(start: Start) -> str:
    """A gateway whose workers are all live, with a named pool."""
    return start("--fleet", "l4=1,a100-40gb=1,lab:l4=1")


@pytest.fixture(params=[SyncClient, AsyncClient])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients, of the synchronous kind and then of the asynchronous."""
    made: list[Client] = []

    def make(url: str, **options: object) -> Client:
        made.append(request.param(url, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Connect, url: str) -> Client:
    """A client of the warm gateway."""
    return connect(url)


@pytest.fixture
def faulty(connect: Connect, start: Start, tmp_path: Path) -> Faulty:
    """Makes a client of a gateway with this fault plan; Retry-After is scaled down to a second."""

    def make(plan: str, *options: str) -> Client:
        path = tmp_path / "plan.yaml"
        path.write_text(plan)
        scaled = ("--fleet", "l4=1", "--retry-after-scale", "0.01", "--fault-plan", str(path))
        return connect(start(*scaled, *options))

    return make

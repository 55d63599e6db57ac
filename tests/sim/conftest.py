"""Start the simulated gateway as a real process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sim.process import Faulty, Running, Start


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts a gateway with the options, and more environment, given; all end with the module."""
    started: list[Running] = []

    def run(*options: str, **more: str) -> Running:
        command = [sys.executable, "-m", "bench.sim", *options]
        process = subprocess.Popen(
            command, env=os.environ | more, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout
        said = json.loads(process.stdout.readline())
        running = Running(process, said, httpx.Client(base_url=said["url"], timeout=20))
        started.append(running)
        return running

    yield run
    for running in started:
        running.http.close()
        running.process.terminate()
    for running in started:
        running.process.wait(timeout=30)
        for pipe in (running.process.stdin, running.process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture(scope="module")
def gateway(start: Start) -> Running:
    """A warm gateway with a cold h100 lane."""
    return start("--fleet", "l4=1,a100-40gb=1,h100=0..1,lab:l4-spot=1,empty:l4=0")


@pytest.fixture
def faulty(start: Start, tmp_path: Path) -> Faulty:
    """Starts a gateway with this fault plan."""

    def run(plan: str, *options: str) -> Running:
        path = tmp_path / "plan.yaml"
        path.write_text(plan)
        return start("--fleet", "l4=1", "--fault-plan", str(path), *options)

    return run


@pytest.fixture(scope="module")
def later(start: Start) -> Running:
    """A gateway of the later dialect: warm l4, cold h100, a deployed pool."""
    return start("--dialect", "0.10", "--fleet", "l4=1,h100=0..1,lab:l4=1")


@pytest.fixture(scope="module", params=["gateway", "later"])
def either(request: pytest.FixtureRequest) -> Running:
    """The gateway of each dialect in turn, for what both have in common."""
    running: Running = request.getfixturevalue(request.param)
    return running

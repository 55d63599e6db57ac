"""What tests of more than one room start."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

# Property tests draw the same examples every time, and a busy machine fails none of them.
settings.register_profile("seeded", derandomize=True, deadline=None, database=None)
settings.load_profile("seeded")

# What a shell starts with `&` may be deaf to Ctrl-C, and would hand that on to all that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Sim = Callable[..., str]

ROOT = Path(__file__).parents[1]


@pytest.fixture
def sim() -> Iterator[Sim]:
    """Starts simulated gateways (`sim("--fleet", "l4=1")` is a URL), which end with the test."""
    with ExitStack() as stack:

        def start(*options: str) -> str:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bench.sim", *options, "--until-stdin-closes"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            if process.stdin is None or process.stdout is None:
                pytest.fail("no pipes")
            stack.callback(process.stdin.close)
            return str(json.loads(process.stdout.readline())["url"])

        yield start

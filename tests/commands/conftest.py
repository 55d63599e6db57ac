"""Locust with a locustfile, for as long as a test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.commands.locusts import Locust, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Locust with a locustfile, `start(text, "-u", "2")`; it ends with the test."""
    with ExitStack() as stack:

        def begin(text: str, *words: str, **environment: str) -> Locust:
            locust = Locust(tmp_path, text, *words, **environment)
            stack.callback(locust.kill)
            return locust

        yield begin

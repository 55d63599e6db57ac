"""The neutral server, built once."""

from pathlib import Path

import pytest

from tests.benchmarks.neutral import build


@pytest.fixture(scope="session")
def mockllm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program; skips where it cannot be had."""
    return build(tmp_path_factory.mktemp("mockllm"))

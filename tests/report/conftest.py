"""A browser for tests of pages."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.report.browser import browser


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests of a module."""
    with browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver

"""The timeline of workers."""

import base64
import re

import pandas as pd
import pytest

from bench.analyze import Window
from bench.report import figures


@pytest.mark.parametrize(
    ("counts", "came", "left"),
    [([0, 0, 1, 2], 2, 0), ([4, 4, 2, 3], 1, 1), ([1, 1, 0, 0], 0, 1), ([2, 2, 2, 2], 0, 0)],
)
def test_workers_that_come_and_go_are_marked(counts: list[int], came: int, left: int) -> None:
    """A start, a lost worker and a lane that falls asleep each have a mark where they happened."""
    over_time = pd.DataFrame({"l4": counts}, index=[0.0, 1.0, 2.0, 3.0])
    drawn = figures.figure(figures.workers(over_time, Window(start_s=0.0, end_s=3.0)), "Workers.")
    svg = base64.b64decode(re.findall(r"base64,([A-Za-z0-9+/=]+)", drawn.text)[-1]).decode()
    marks = [len(re.findall("<use", _group(svg, f"l4 {label}"))) for label in ("came", "left")]
    assert marks == [came, left]


def _group(svg: str, name: str) -> str:
    """What is drawn under this name."""
    found = re.search(rf'<g id="{name}">.*?</g>', svg, re.DOTALL)
    return found.group() if found else ""

"""The operations beside chat: which numbers they have, and whose counts these are."""

from pathlib import Path
from typing import Any

import pytest

from bench.analyze import Part, Summary, load, summarise
from tests.analyze.runs import CHAT, MS, S, record, scenario, streamed, write_run

AT = 20 * S
ITEMS = ("extract", "embed", "rerank")


def _summary(folder: Path, operation: str, rows: Any) -> Summary:
    traffic = {"name": operation, "operation": operation, "model": "m", "input_tokens": 100}
    output = {"output_tokens": 8} if operation in {"chat", "completion"} else {}
    target = {"kind": "openai", "url": "http://h"} if operation == "completion" else {}
    return summarise(load(write_run(folder / "run", rows, scenario([{**traffic, **output}], target=target))))


def _part(folder: Path, operation: str, **facts: Any) -> Part:
    said = {"traffic_class": operation, "operation": operation, "end_ns": AT + 100 * MS, "profile": None}
    return _summary(folder, operation, [(record(0, AT, **(said | facts)), [], [])]).classes[0]


@pytest.mark.parametrize("operation", ITEMS)
def test_items_have_a_rate_and_a_latency_and_no_tokens_out(tmp_path: Path, operation: str) -> None:
    """As encode and score have: fifty seconds, twenty-five items."""
    part = _part(tmp_path, operation, stream=False, items_asked=25, items_returned=25, in_tokens=90)
    assert part.items_rate == pytest.approx(0.5)
    assert (part.latencies["e2e"].n, part.latencies["ttft"].n, part.latencies["ntpot"].n) == (1, 0, 0)
    assert part.output_tokens_rate is None
    assert part.lengths.got_in == 90


def test_a_completion_has_what_a_chat_has(tmp_path: Path) -> None:
    """Time per token, also where it does not stream."""
    part = _part(tmp_path, "completion", stream=False, out_tokens=10)
    assert part.latencies["ntpot"].p50.value == pytest.approx(0.010)
    assert part.output_tokens_rate == pytest.approx(0.2)


def test_counts_that_nobody_counted_are_told(tmp_path: Path) -> None:
    """By class; counts out of usage need no word."""
    said = {"tokens_source": "estimate"}
    rows = [
        streamed(0, AT, [9 * MS, 20 * MS], 4, **said),
        streamed(1, AT, [9 * MS, 20 * MS], 4, **said),
        streamed(2, AT, [9 * MS, 20 * MS], 4),
    ]
    folder = write_run(tmp_path / "run", rows, scenario([CHAT]))
    (warning,) = summarise(load(folder)).run.warnings
    assert warning.startswith("chat: the tokens of 2 requests are estimates")
    counted = [streamed(0, AT, [9 * MS, 20 * MS], 4)]
    assert summarise(load(write_run(tmp_path / "counted", counted, scenario([CHAT])))).run.warnings == ()

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scenario import TraceArrivals
from bench.workload import Trace, TraceError, make_schedule, read_trace
from bench.workload.arrivals import NS_PER_S
from bench.workload.trace import _replayed
from tests.workload.scenarios import CHAT, scenario

AZURE = Path(__file__).parents[2].parent / "shared/traces/azure-2023/AzureLLMInferenceTrace_conv.csv"
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def _read(folder: Path, text: str, duration_s: float = 100, **said: Any) -> Trace:
    file = folder / "trace.csv"
    file.write_bytes(text.encode())
    return read_trace(TraceArrivals(process="trace", file=str(file), **said), duration_s)


def _lines(*rows: str) -> str:
    return HEADER + "".join(f"2024-01-01 00:00:{row}\n" for row in rows)


@pytest.mark.parametrize("speed", [1, 2.5, 5, 8])
def test_bins_of_the_azure_trace_stay_bins_at_any_speed(speed: float) -> None:
    """Five minutes of the trace: each second of replay holds exactly its `speed` seconds of trace."""
    if not AZURE.exists():
        pytest.skip("the Azure conversation trace does not lie beside the project")
    rows = [line.split(",") for line in AZURE.read_text().splitlines()[1:]]
    stamps = np.array([row[0][:-1] for row in rows], dtype="datetime64[us]").astype(np.int64) * 1000
    stamps += np.array([int(row[0][-1]) * 100 for row in rows])
    since = stamps - stamps[0]
    mine = since < 300 * NS_PER_S
    expected = Counter((since[mine] // round(speed * NS_PER_S)).tolist())
    arrivals = {"process": "trace", "file": str(AZURE), "speed": speed}
    classes = [{**CHAT, "input_tokens": "trace", "output_tokens": "trace"}]
    schedule = make_schedule(scenario(arrivals=arrivals, classes=classes, duration_s=300 / speed))
    assert schedule.due_ns is not None
    assert Counter((schedule.due_ns // NS_PER_S).tolist()) == expected
    assert schedule.item_tokens.tolist() == [int(row[1]) for row in rows[: len(schedule)]]
    assert schedule.out_tokens.tolist() == [int(row[2]) for row in rows[: len(schedule)]]
    assert not any(schedule.losses.values())


def test_instants_are_differences_divided_by_the_speed(tmp_path: Path) -> None:
    """Nine decimals are kept, and what is due after the end is left out."""
    trace = _read(tmp_path, _lines("01.5,10,1", "02.500000005,20,2", "51.5,30,3"), 10, speed=5)
    assert trace.due_ns.tolist() == [0, 200_000_001]
    assert trace.in_tokens.tolist() == [10, 20]
    assert trace.out_tokens.tolist() == [1, 2]


def test_time_zones_of_later_traces_are_understood(tmp_path: Path) -> None:
    """The same instants with and without a zone."""
    plain = _read(tmp_path, _lines("01.5,10,1", "03,20,2"))
    zoned = _read(tmp_path, _lines("01.5+00:00,10,1", "03+00:00,20,2"))
    assert plain.due_ns.tolist() == zoned.due_ns.tolist() == [0, 1_500_000_000]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10**15), min_size=1), st.floats(0.01, 10_000))
def test_replay_divides_exactly_however_long_the_trace(since: list[int], speed: float) -> None:
    """Eleven days at an odd speed: no overflow, no rounding error above one part in a million."""
    since = sorted([0, *since])
    replayed = _replayed(np.array(since, dtype=np.int64), speed)
    for before, after in zip(since, replayed.tolist(), strict=True):
        assert after == pytest.approx(before / speed, rel=1e-4, abs=1)
    assert (np.diff(replayed) >= 0).all()


def test_what_differs_from_the_file_is_counted(tmp_path: Path) -> None:
    """Clipped, raised, skipped, put in order: each has its own number."""
    rows = _lines("01,5000,7", "00,10,0", "nonsense,1,1", "02,0,3", "03,100,1,1")
    said: dict[str, Any] = {"max_input_tokens": 4000, "broken_lines": "skip"}
    trace = _read(tmp_path, rows, **said)
    assert trace.in_tokens.tolist() == [10, 4000, 1]
    assert trace.out_tokens.tolist() == [1, 7, 3]
    assert trace.losses() == {"clipped": 1, "dropped": 0, "skipped": 2, "raised": 2, "reordered": 1}
    dropped = _read(tmp_path, rows, over_limit="drop", **said)
    assert dropped.in_tokens.tolist() == [10, 1]
    assert dropped.losses() == {"clipped": 0, "dropped": 1, "skipped": 2, "raised": 2, "reordered": 1}


@pytest.mark.parametrize(
    "row",
    [
        "2024-01-01 00:00:01,5",
        "2024-01-01 00:00:01,5,5,5",
        "2024-01-01 00:00:01,five,5",
        "2024-01-01 00:00:01,-5,5",
        "2024-01-01 00:00:01,5,99999999999",
        "yesterday,5,5",
        "2024-13-01 00:00:01,5,5",
        "2024-01-01 00:00:01.1234567890,5,5",
        ",,",
    ],
)
def test_a_broken_line_names_its_number_and_what_to_do(tmp_path: Path, row: str) -> None:
    """Mend it or skip it, and skipping counts."""
    text = f"{_lines('00,1,1')}{row}\n"
    with pytest.raises(TraceError) as caught:
        _read(tmp_path, text)
    assert f"trace.csv:3: broken line '{row}'" in str(caught.value)
    assert str(caught.value).endswith("mend it, or say broken_lines: skip")
    assert _read(tmp_path, text, broken_lines="skip").skipped == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,in,out\n1,2,3\n", "trace.csv:1: not an Azure LLM trace"),
        ("", "trace.csv:1: not an Azure LLM trace"),
        (HEADER, "no requests in it"),
        (HEADER + "\n\n", "no requests in it"),
        (HEADER + "x" * 200_000 + ",1,1\n", "no CSV file"),
    ],
)
def test_a_file_that_is_no_trace_says_so(tmp_path: Path, text: str, words: str) -> None:
    """One sentence with the file's name."""
    with pytest.raises(TraceError) as caught:
        _read(tmp_path, text)
    assert words in str(caught.value)


def test_a_missing_trace_says_why(tmp_path: Path) -> None:
    """The operating system's reason is kept."""
    with pytest.raises(TraceError, match="No such file"):
        read_trace(TraceArrivals(process="trace", file=str(tmp_path / "none.csv")), 10)


def test_lengths_of_the_trace_stay_with_its_own_requests(tmp_path: Path) -> None:
    """A class that is sent beside the arrivals takes no line of the trace."""
    file = tmp_path / "trace.csv"
    file.write_text(_lines("01,10,1", "02.5,20,2", "04.5,30,3"))
    traced = {**CHAT, "input_tokens": "trace", "output_tokens": "trace"}
    probe = {**CHAT, "name": "probe", "every_s": 1, "input_tokens": 8, "output_tokens": 1}
    arrivals = {"process": "trace", "file": str(file)}
    schedule = make_schedule(scenario(arrivals=arrivals, classes=[traced, probe], duration_s=5))
    mine = schedule.class_number == 0
    assert schedule.item_tokens[mine].tolist() == [10, 20, 30]
    assert schedule.out_tokens[mine].tolist() == [1, 2, 3]
    assert schedule.item_tokens[~mine].tolist() == [8] * 5

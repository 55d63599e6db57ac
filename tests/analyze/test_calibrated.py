from pathlib import Path
from typing import Any

import pytest

from bench.analyze import Verdict, covering, doubts, load, summarise
from bench.analyze.load import demand, held_load
from bench.record import Calibration, Load
from tests.analyze.runs import MS, S, Streamed, record, streamed, write_run
from tests.calibrations import HOST, MACHINE, VERSIONS, calibration, failed, step


def chats(count: int = 100, **facts: Any) -> list[Streamed]:
    """Ten chats a second from the tenth second on, each with ten events in half a second."""
    instants = [100 * MS + 40 * MS * number for number in range(10)]
    return [streamed(i, 10 * S + i * 100 * MS, instants, 10, **facts) for i in range(count)]


def judged(
    tmp_path: Path, kept: Calibration | None, rows: list[Streamed] | None = None, **info: Any
) -> Verdict:
    """The verdict on a run whose host had that calibration."""
    facts = {"host": HOST, "versions": VERSIONS} | info
    folder = write_run(tmp_path / "run", chats() if rows is None else rows, calibration=kept, **facts)
    return summarise(load(folder)).verdict


def test_a_run_within_the_calibration_of_its_host_is_trusted(tmp_path: Path) -> None:
    """The sentence names the run's peak, the load that was proved, and the error that was promised."""
    found = judged(tmp_path, calibration(step(64)))
    assert found.judgement == "trusted"
    assert "(5 streams, 100 events/s, 10 requests/s) is within 64 streams" in found.reasons[0]
    assert "ttft error p99 0.020 ms" in found.reasons[0]
    assert found.next_command.startswith("bench report")


@pytest.mark.parametrize(
    ("kept", "words", "command"),
    [
        (None, "was not calibrated", "bench calibrate"),
        (calibration(failed(16)), "found no load that is safe", "bench calibrate"),
        (
            calibration(step(4)),
            "above what `bench calibrate` proved: 4 streams, 120 events/s",
            "rate_per_s=4",
        ),
        (calibration(step(4), quick=True), "above what", "bench calibrate"),
        (calibration(step(4), step(1, 50)), "50 requests/s; or 4 streams, 120 events/s, 2 requests/s", "="),
    ],
)
def test_a_run_that_nothing_proves_is_uncalibrated(
    tmp_path: Path, kept: Calibration | None, words: str, command: str
) -> None:
    """With the reason, and what to type."""
    found = judged(tmp_path, kept)
    assert found.judgement == "uncalibrated"
    assert words in found.reasons[0]
    assert command in found.next_command


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"host": HOST | {"kernel": "6.2"}}, "kernel 6.1, not 6.2"),
        ({"host": HOST | {"cpu": "slow one"}}, "cpu fast one, not slow one"),
        ({"versions": VERSIONS | {"python": "3.12.0"}}, "python 3.11.7, not 3.12.0"),
        ({"versions": VERSIONS | {"poolbench": "2.0"}}, "poolbench 1.0, not 2.0"),
    ],
)
def test_a_calibration_of_another_kernel_cpu_python_or_poolbench_does_not_count(
    tmp_path: Path, facts: dict[str, Any], words: str
) -> None:
    """The run is judged by the host and versions that it notes itself."""
    found = judged(tmp_path, calibration(step(64)), **facts)
    assert found.judgement == "uncalibrated"
    assert words in found.reasons[0]


def test_a_run_without_the_kernels_stamps_is_not_covered_by_a_calibration_of_them(tmp_path: Path) -> None:
    """However small it is."""
    found = judged(tmp_path, calibration(step(64)), chats(stamp_source="read"))
    assert found.judgement == "uncalibrated"
    assert "only 0.0% of the requests carry the kernel's stamps" in found.reasons[0]


def test_what_speaks_against_the_generator_comes_first(tmp_path: Path) -> None:
    """A calibration excuses nothing."""
    merged = chats(merged_events=1)
    assert judged(tmp_path, calibration(step(64)), merged).judgement == "suspect"


def test_the_smallest_load_that_covers_is_named() -> None:
    """Of several that were proved; and a machine that is another has doubts."""
    made = calibration(step(16), step(64), failed(256))
    small = Load(streams=17, events_per_s=1.0, requests_per_s=1.0)
    assert covering(made, small) == step(64)
    assert doubts(made, MACHINE) is None


def test_demand_is_counted_second_by_second(tmp_path: Path) -> None:
    """Streams open at once, their events and sends; whole replies are requests, not streams."""
    rows: list[Streamed] = [
        streamed(0, 0, [100 * MS, 1100 * MS], 2),
        streamed(1, 500 * MS, [100 * MS, 200 * MS], 2),
        (record(2, 2 * S, stream=False, end_ns=3 * S), [], []),
    ]
    found = demand(load(write_run(tmp_path / "run", rows)))
    assert found.streams.tolist() == [2, 1, 0, 0]
    assert found.events.tolist() == [3, 1, 0, 0]
    assert found.requests.tolist() == [2, 0, 1, 0]
    assert found.peak() == Load(streams=2, events_per_s=3.0, requests_per_s=2.0)


def test_the_load_that_was_held_is_that_of_a_typical_second_of_the_window(tmp_path: Path) -> None:
    """Medians, so that neither the warm-up nor one burst decides."""
    held = held_load(load(write_run(tmp_path / "run", chats(400))))
    assert held == Load(streams=5, events_per_s=100.0, requests_per_s=10.0)


def test_a_run_that_sent_nothing_demands_nothing(tmp_path: Path) -> None:
    """And has one second of it."""
    assert demand(load(write_run(tmp_path / "run", []))).peak() == Load(
        streams=0, events_per_s=0.0, requests_per_s=0.0
    )

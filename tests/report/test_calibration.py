import io

import pytest
from rich.console import Console

from bench.record import Step, TimingError
from bench.report import WIDTH, calibration_lines, check_lines, render_calibration, step_line
from tests.calibrations import calibration, failed, step


def test_the_table_fits_and_names_what_is_safe() -> None:
    """A row a step, the largest that held, its promise, its cost."""
    made = calibration(step(16), step(1024), failed(4096), step(1024), step(256, 1000.0))
    console = Console(file=io.StringIO(), width=WIDTH)
    console.print(render_calibration(made))
    shown = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert all(len(line) <= WIDTH for line in shown.splitlines())
    assert sum(line.rstrip().endswith((" ok", "generator")) for line in shown.splitlines()) == 5
    assert "safe: 1,024 streams, 30,720 events/s, 512 requests/s; error p99 of TTFT 0.020 ms" in shown
    assert "safe: 256 streams, 7,680 events/s, 1,128 requests/s" in shown
    assert "25 us an event, 90 us a small request" in shown


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((step(16), failed(64)), "the generator gave out first"),
        ((step(16), failed(64, gave_out="server")), "the null server gave out first"),
        ((step(16), failed(64, gave_out="both")), "at the same load"),
        ((step(16),), "nobody gave out"),
        ((failed(16),), "no load is proved safe"),
        ((step(16), step(64, foreign_share=0.4)), "in 1 of 2 steps others used more than 10% of the CPU"),
    ],
)
def test_who_gave_out_and_who_disturbed_is_said(steps: tuple[Step, ...], words: str) -> None:
    """In words of their own."""
    assert words in " ".join(calibration_lines(calibration(*steps)))


def test_a_step_is_a_sentence() -> None:
    """Its load, its errors, and why it was too much."""
    assert step_line(step(16)).startswith("16 streams, 480 events/s, 8 requests/s: error p99 TTFT 0.020")
    assert "whole reply 0.020 ms; ok" in step_line(step(16, 100.0))
    assert "too much: ttft error p99 0.61 ms is not below 0.5 ms" in step_line(failed(16))
    assert "others used 40% of the CPU" in step_line(failed(16, foreign_share=0.4))


def test_a_promise_holds_or_says_what_broke_it() -> None:
    """The promise is the error; that others made us send late is told beside it."""
    made = calibration(step(16))
    wide = TimingError(n=100, p50_ms=0.1, p99_ms=0.6)
    late = failed(16, foreign_share=0.4, reasons=("30 requests (3.2%) were sent more than 1 ms late",))
    (good, but, bad) = check_lines(made, [step(16), late, failed(16, ttft=wide)])
    assert good.startswith("the promise of 2026-11-23T10:00:00+00:00 holds for 16 streams")
    assert "holds for 16 streams" in but
    assert "; but 30 requests (3.2%) were sent more than 1 ms late (others used 40% of the CPU)" in but
    assert "does not hold for 16 streams, 480 events/s, 8 requests/s: error p99 of TTFT 0.600 ms" in bad

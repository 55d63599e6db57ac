"""From a scenario and its seeds to the schedule: arrivals, lengths, texts."""

from bench.workload.expected import Expected, expected
from bench.workload.lengths import LengthError
from bench.workload.preview import Line, busiest_second, lines, peak_in_flight
from bench.workload.schedule import RING, Planned, Schedule, make_schedule
from bench.workload.shapes import once_a_class, shape_of
from bench.workload.texts import DEFAULT_CHARS_PER_TOKEN, Texts
from bench.workload.trace import Trace, TraceError, read_trace

__all__ = [
    "DEFAULT_CHARS_PER_TOKEN",
    "RING",
    "Expected",
    "LengthError",
    "Line",
    "Planned",
    "Schedule",
    "Texts",
    "Trace",
    "TraceError",
    "busiest_second",
    "expected",
    "lines",
    "make_schedule",
    "once_a_class",
    "peak_in_flight",
    "read_trace",
    "shape_of",
]

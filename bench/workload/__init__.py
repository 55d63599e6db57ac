"""From a scenario and its seeds to the schedule: arrivals, lengths, texts."""

from bench.workload.lengths import LengthError
from bench.workload.schedule import RING, Planned, Schedule, make_schedule
from bench.workload.texts import DEFAULT_CHARS_PER_TOKEN, Texts
from bench.workload.trace import Trace, TraceError, read_trace

__all__ = [
    "DEFAULT_CHARS_PER_TOKEN",
    "RING",
    "LengthError",
    "Planned",
    "Schedule",
    "Texts",
    "Trace",
    "TraceError",
    "make_schedule",
    "read_trace",
]

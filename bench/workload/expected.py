"""How much a schedule will demand of the generator, if replies take as long as one assumes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.scenario import Generation
from bench.workload.arrivals import NS_PER_S
from bench.workload.preview import busiest_second
from bench.workload.schedule import Schedule

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """Most streams at once; most stream events and most requests in any second."""

    streams: int
    events_per_s: float
    requests_per_s: float


def expected(schedule: Schedule, first_s: float, per_token_s: float) -> Expected:
    """What it demands if each reply took `first_s` and `per_token_s` for each further token, an event each.

    In a closed loop every user is taken to have a stream open, and the rates are those of the whole ring.
    """
    lasts_s = first_s + per_token_s * (schedule.out_tokens.astype(np.float64) - 1)
    streams = _streams(schedule)
    if schedule.due_ns is None:
        return _closed(schedule, lasts_s, streams)
    due_s = schedule.due_ns / NS_PER_S
    # Over a second at least: the rate of a shorter reply is told per second too.
    long_s = np.maximum(lasts_s, 1.0)
    return Expected(
        streams=round(_most(due_s, lasts_s, np.ones(len(schedule)), streams)),
        events_per_s=_most(due_s, long_s, schedule.out_tokens / long_s, streams),
        requests_per_s=float(busiest_second(schedule)),
    )


def _streams(schedule: Schedule) -> npt.NDArray[np.bool_]:
    flags = [isinstance(traffic, Generation) and traffic.stream for traffic in schedule.scenario.classes]
    return np.array(flags)[schedule.class_number]


def _closed(schedule: Schedule, lasts_s: Floats, streams: npt.NDArray[np.bool_]) -> Expected:
    users = schedule.scenario.closed_loop.users if schedule.scenario.closed_loop else 0
    think_s = 0.0 if schedule.think_ns is None else float(schedule.think_ns.sum()) / NS_PER_S
    # The ring of all users, run through side by side.
    round_s = (float(lasts_s.sum()) + think_s) / max(1, users) or 1.0
    return Expected(
        streams=users if streams.any() else 0,
        events_per_s=float(schedule.out_tokens[streams].sum()) / round_s,
        requests_per_s=len(schedule) / round_s,
    )


def _most(begin_s: Floats, lasts_s: Floats, each: Floats, which: npt.NDArray[np.bool_]) -> float:
    """The largest sum of `each` over those under way at once."""
    begin_s, end_s, each = begin_s[which], (begin_s + lasts_s)[which], each[which]
    instants, steps = np.concatenate([begin_s, end_s]), np.concatenate([each, -each])
    # At equal instants an end counts before a start.
    order = np.lexsort((steps, instants))
    return float(np.cumsum(steps[order]).max(initial=0.0))

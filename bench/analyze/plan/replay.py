"""A fleet against the demand, as a fluid in a queue: who has to wait for capacity, and for how long."""

from dataclasses import dataclass

import numpy as np

from bench.analyze.plan.demand import Demand
from bench.metrics import Floats

_NEARLY = 1e-6
"""Requests, or seconds: below it there is no backlog, only rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """`delayed[t]`: whether any of a step's demand waits longer than allowed. Shares are of the requests.

    `longest_wait_s` is what the last of a backlog waits, first come first served; where the demand ends
    before a backlog does, at least until then, and `drained` is False.
    """

    delayed: np.ndarray[tuple[int], np.dtype[np.bool_]]
    delayed_share: float
    longest_wait_s: float
    drained: bool


def replay(demand: Demand, capacity_per_s: Floats, max_delay_s: float = 0.0) -> Replayed:
    """Serve what comes, step by step; what is above the capacity waits.

    A step counts as delayed as a whole if the backlog at its start or its end means a longer wait than
    `max_delay_s`.
    """
    asked = demand.rate_per_s * demand.step_s
    spare = np.concatenate([[0.0], np.cumsum(asked - capacity_per_s * demand.step_s)])
    backlog = spare - np.minimum.accumulate(spare)
    backlog[backlog < _NEARLY] = 0.0
    waits_s, drained = _waits(asked, backlog, capacity_per_s, demand.step_s)
    late = waits_s > max_delay_s + _NEARLY
    delayed = (late[:-1] | late[1:]) & (asked > 0)
    return Replayed(
        delayed=delayed,
        delayed_share=float(asked[delayed].sum() / asked.sum()),
        longest_wait_s=float(waits_s.max()),
        drained=drained,
    )


def _waits(asked: Floats, backlog: Floats, capacity_per_s: Floats, step_s: float) -> tuple[Floats, bool]:
    """How long the newest request in the queue at each edge of a step waits; whether all are served."""
    waits = np.zeros_like(backlog)
    queued = backlog > 0
    if not queued.any():
        return waits, True
    come = np.concatenate([[0.0], np.cumsum(asked)])
    served = come - backlog
    edges = step_s * np.arange(len(backlog))
    until = np.searchsorted(served, come[queued] - _NEARLY)
    last = len(served) - 1
    after = np.minimum(until, last)
    # Until the newest is served the queue is never empty, so it is served at the full capacity.
    left, rate = come[queued] - served[after - 1], capacity_per_s[after - 1]
    rest_s = np.divide(left, rate, out=np.full_like(left, step_s), where=rate > 0).clip(0, step_s)
    waits[queued] = edges[after - 1] + rest_s - edges[queued]
    return waits.clip(min=_NEARLY * 2 * queued), bool((until <= last).all())

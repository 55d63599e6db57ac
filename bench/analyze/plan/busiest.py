"""The busiest part of a demand, and the replicas that a plan has in it."""

from dataclasses import dataclass

import numpy as np

from bench.analyze.plan.answer import Answer
from bench.analyze.plan.demand import Demand, steps_in, trailing_min
from bench.analyze.plan.machines import Ints
from bench.metrics import Floats

Counts = dict[str, tuple[tuple[float, int], ...]]
"""Per profile: from each instant (s) on so many replicas."""


@dataclass(frozen=True, slots=True, eq=False)
class Busy:
    """From `start_s` of the demand: `warmup_s` before it counts, then the busiest part. Live replicas."""

    start_s: float
    warmup_s: float
    step_s: float
    rate_per_s: Floats
    shares: dict[str, float]
    live: Counts

    @property
    def length_s(self) -> float:
        """Of what counts."""
        return self.step_s * len(self.rate_per_s) - self.warmup_s


def busiest(demand: Demand, answer: Answer, length_s: float, warmup_s: float) -> Busy:
    """Where most is asked for within `length_s` (the earliest such), and who serves it by the best plan."""
    step_s, rate = demand.step_s, demand.rate_per_s
    long = min(len(rate), max(1, steps_in(length_s, step_s)))
    sums = np.convolve(rate, np.ones(long), mode="valid")
    first = int(np.argmax(sums))
    early = min(first, steps_in(warmup_s, step_s))
    part = slice(first - early, first + long)
    asked = {name: float(of[part].sum()) for name, of in demand.classes.items()}
    total = sum(asked.values()) or 1.0
    return Busy(
        start_s=first * step_s,
        warmup_s=early * step_s,
        step_s=step_s,
        rate_per_s=rate[part],
        shares={name: one / total for name, one in asked.items()},
        live={name: _changes(counts[part], step_s) for name, counts in live_of(answer).items()},
    )


def live_of(answer: Answer) -> dict[str, Ints]:
    """Replicas of the best plan that serve at each step: those that were paid for while a start takes."""
    step_s = answer.demand.step_s
    count = round(answer.demand.length_s / step_s)
    starts = {floor.profile: floor.start_s for floor in answer.floors}
    edges = [round(change.start_s / step_s) for change in answer.changes]
    lasting = np.diff([*edges, count])
    found = {}
    for name in answer.changes[0].replicas if answer.changes else ():
        paid = np.repeat([change.replicas[name] for change in answer.changes], lasting).astype(np.int64)
        found[name] = trailing_min(paid, steps_in(starts[name], step_s) + 1)
    return {name: live for name, live in found.items() if live.any()}


def _changes(counts: Ints, step_s: float) -> tuple[tuple[float, int], ...]:
    at = np.concatenate([[0], np.flatnonzero(np.diff(counts)) + 1])
    return tuple((float(step * step_s), int(counts[step])) for step in at)

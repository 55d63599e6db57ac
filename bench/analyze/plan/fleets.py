"""Policies: from the demand to replicas of each machine over time. Pure.

A fleet's columns are machines, its rows steps. `paid` counts starting replicas too, `live` does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.analyze.plan.demand import DAY_S, Demand, leading_max, steps_in, trailing_max, trailing_min
from bench.analyze.plan.faults import PlanError
from bench.analyze.plan.machines import Ints, Machine
from bench.analyze.plan.mix import cheapest, cheapest_each
from bench.analyze.plan.settings import Settings
from bench.metrics import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Replicas of each machine at each step."""

    machines: tuple[Machine, ...]
    paid: Ints
    live: Ints

    def capacity_per_s(self) -> Floats:
        """Requests/s that the live ones sustain at each step."""
        found: Floats = np.sum(
            [machine.capacity_per_s(self.live[:, i]) for i, machine in enumerate(self.machines)], axis=0
        )
        return found

    def cost(self, step_s: float) -> float:
        """What all of it costs over all steps."""
        prices = np.array([machine.per_hour for machine in self.machines])
        return float(self.paid.sum(axis=0) @ prices) * step_s / 3600


def static(machines: Sequence[Machine], needs: Floats, spare: int) -> Fleet:
    """Always the same: the cheapest that sustains every step's need after the loss of `spare` replicas.

    Which replicas are lost is the worst choice: the largest of the fleet. Raises PlanError where the limits
    of the machines allow no such fleet.
    """
    if not spare:
        return _sustaining(machines, needs, 0)
    fleets, faults = [], []
    for largest in dict.fromkeys(machine.rate_per_s.max() for machine in machines):
        some = [m for m in machines if m.rate_per_s.max() <= largest or m.least]
        try:
            fleets.append(_sustaining(some, needs, spare))
        except PlanError as fault:
            faults.append(fault)
    if not fleets:
        raise faults[0]
    return min(fleets, key=lambda fleet: fleet.cost(1.0))


def _sustaining(machines: Sequence[Machine], needs: Floats, spare: int) -> Fleet:
    rates = np.column_stack([machine.rate_per_s for machine in machines])
    lost = spare * rates.max(axis=1)
    rows, first = np.unique(rates, axis=0, return_inverse=True)
    highest = np.zeros(len(rows))
    np.maximum.at(highest, first.ravel(), needs + lost)
    counts = np.array(cheapest(machines, highest, rows), dtype=np.int64)
    always = np.tile(counts, (len(needs), 1))
    return Fleet(tuple(machines), always, always)


def scheduled(machines: Sequence[Machine], needs: Floats, step_s: float) -> Fleet:
    """The cheapest for the need of each step, asked for so early that it serves in time."""
    live = cheapest_each(machines, needs)
    paid = np.column_stack(
        [leading_max(live[:, i], steps_in(machine.start_s, step_s) + 1) for i, machine in enumerate(machines)]
    )
    return Fleet(tuple(machines), paid, live)


def forecast(demand: Demand) -> Floats:
    """What one would expect of each step from other days: the highest at the same time of day.

    Of a demand that has no two whole days, the demand itself: a perfect forecast, and said to be one.
    """
    rate, day = demand.rate_per_s, steps_in(DAY_S, demand.step_s)
    days = len(rate) // day
    if days < 2:
        return rate
    whole = rate[: days * day].reshape(days, day)
    others = [np.delete(whole, number, axis=0).max(axis=0) for number in range(days)]
    found: Floats = np.concatenate([*others, whole.max(axis=0)[: len(rate) - days * day]])
    return found


def days_of(demand: Demand) -> int:
    """Whole days that a forecast can learn from."""
    return int(demand.length_s // DAY_S)


def reactive(
    machine: Machine, demand: Demand, utilisation: float, settings: Settings, base: tuple[Machine, int] | None
) -> Fleet:
    """Follow the demand as seen `detect_s` ago, at a utilisation; above a base that is always there.

    What is no longer needed stays `scale_down_wait_s`. A replica that is asked for serves `start_s` later if
    it is wanted all that time.
    """
    step_s = demand.step_s
    seen = _ago(demand.rate_per_s, steps_in(settings.detect_s, step_s)) / utilisation
    steady = np.full(len(seen), base[1] if base else 0, dtype=np.int64)
    below = base[0] if base and base[0] is not machine else None
    if below:
        seen = np.maximum(seen - below.capacity_per_s(steady), 0.0)
    held = trailing_max(seen / machine.rate_per_s, steps_in(settings.scale_down_wait_s, step_s) + 1)
    wanted = machine.replicas_for(held)
    if not below:
        wanted = np.maximum(wanted, steady)
    live = trailing_min(wanted, steps_in(machine.start_s, step_s) + 1)
    if not below:
        return Fleet((machine,), wanted[:, None], live[:, None])
    return Fleet((below, machine), np.column_stack([steady, wanted]), np.column_stack([steady, live]))


def _ago(values: Floats, steps: int) -> Floats:
    found: Floats = values[np.maximum(np.arange(len(values)) - steps, 0)]
    return found

"""Every small fleet, one by one: what the planner is held against."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from bench.analyze.plan import Demand, Settings, replay
from bench.analyze.plan.fleets import Fleet, reactive
from bench.analyze.plan.machines import Machine, machines_of
from bench.analyze.plan.planner import Planner
from tests.analyze.plan.days import CAPACITIES, PRICES

MOST = 6


def machines_with_headroom(
    demand: Demand, settings: Settings
) -> tuple[tuple[Machine, ...], dict[str, float]]:
    """The two machines of a demand, and how far each may be loaded."""
    machines = machines_of(demand, CAPACITIES, PRICES)
    planner = Planner(demand, settings)
    return machines, {machine.name: planner.headroom(machine) for machine in machines}


def always(machines: Sequence[Machine], counts: Sequence[int], steps: int) -> Fleet:
    """The same replicas at every step."""
    row = np.tile(np.array(counts, dtype=np.int64), (steps, 1))
    return Fleet(tuple(machines), row, row)


def every_static(demand: Demand, machines: Sequence[Machine]) -> Iterator[Fleet]:
    """Up to six replicas of each machine."""
    for counts in product(range(MOST + 1), repeat=len(machines)):
        yield always(machines, counts, len(demand.rate_per_s))


def every_reactive(
    demand: Demand, machines: Sequence[Machine], settings: Settings, headroom: dict[str, float]
) -> Iterator[Fleet]:
    """Each machine following at each utilisation up to its headroom, above up to six others or none."""
    for machine, base in product(machines, [None, *machines]):
        for count, part in product(range(1, MOST + 1) if base else [0], np.arange(0.05, 1.0001, 0.01)):
            below = (base, count) if base else None
            yield reactive(machine, demand, float(headroom[machine.name] * part), settings, below)


def cheapest_kept(demand: Demand, fleets: Iterator[Fleet]) -> float:
    """The cost (over the demand) of the cheapest that lets nothing wait."""
    return min(
        fleet.cost(demand.step_s)
        for fleet in fleets
        if replay(demand, fleet.capacity_per_s()).delayed_share == 0
    )

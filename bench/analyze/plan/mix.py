"""The cheapest whole numbers of replicas of several profiles that sustain a load."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from bench.analyze.plan.faults import PlanError
from bench.analyze.plan.machines import Ints, Machine
from bench.metrics import Floats

GAP = 1e-4
"""How far above the optimum (as a share) an answer may stay: half a cent of 50 an hour."""

MANY = 30
GAP_OF_MANY = 0.002
"""Where more than `MANY` of the smallest are needed, steps so close to each other get the same fleet."""


def cheapest(machines: Sequence[Machine], needs: Floats, rates: Floats) -> tuple[int, ...]:
    """Replicas of each machine, so that every row of `rates` (requests/s of a lone replica) meets its need.

    Raises PlanError where all that are allowed do not suffice.
    """
    pieces = [(number, *piece) for number, machine in enumerate(machines) for piece in _pieces(machine)]
    owner = np.array([piece[0] for piece in pieces])
    sizes = np.array([piece[1] for piece in pieces], dtype=np.float64)
    slopes = np.array([piece[2] for piece in pieces])
    least = np.array([machine.least for machine in machines], dtype=np.float64)
    of_machine = (owner[None, :] == np.arange(len(machines))[:, None]).astype(np.float64)
    found = milp(
        c=np.array([machine.per_hour for machine in machines])[owner],
        constraints=[
            # Scaled, as solvers forgive an absolute error.
            LinearConstraint(rates[:, owner] * slopes / np.maximum(needs, 1e-12)[:, None], lb=needs > 0),
            LinearConstraint(of_machine, lb=least),
        ],
        integrality=np.ones(len(pieces), dtype=np.int64),
        bounds=Bounds(0, sizes),
        options={"mip_rel_gap": GAP},
    )
    if found.x is None:
        raise PlanError(
            f"{' and '.join(m.name for m in machines)}: no fleet within max_replicas sustains "
            f"{needs.max():,.1f} requests/s"
        )
    counts = of_machine @ np.round(found.x)
    return tuple(int(count) for count in counts)


def _pieces(machine: Machine) -> Iterator[tuple[int, float]]:
    """Runs of replicas and what each of a run adds: chords of `worth`, so never more than the truth."""
    if machine.worth[-1] == machine.most:
        yield machine.most, 1.0
        return
    edges = [0, *(2**k for k in range(machine.most.bit_length()) if 2**k < machine.most), machine.most]
    for first, last in pairwise(edges):
        yield last - first, float((machine.worth[last] - machine.worth[first]) / (last - first))


def cheapest_each(machines: Sequence[Machine], needs: Floats) -> Ints:
    """The cheapest fleet for the need of each step; a column a machine."""
    rates = np.column_stack([machine.rate_per_s for machine in machines])
    if len(machines) == 1:
        return machines[0].replicas_for(needs / rates[:, 0])[:, None]
    counts = np.zeros(rates.shape, dtype=np.int64)
    few = MANY * rates.min(axis=1)
    asked = np.where(needs > few, needs * (1 + GAP_OF_MANY), needs)
    reach, last = -1.0, -1
    for step in np.lexsort((needs, *rates.T)):
        # The cheapest for a smaller need is the cheapest for every need that it sustains.
        if last < 0 or needs[step] > reach or (rates[step] != rates[last]).any():
            counts[step] = cheapest(machines, asked[step : step + 1], rates[step : step + 1])
            reach = sum(
                rate * machine.worth[count]
                for rate, machine, count in zip(rates[step], machines, counts[step], strict=True)
            )
            last = int(step)
        else:
            counts[step] = counts[last]
    return counts

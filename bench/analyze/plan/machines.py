"""A profile as the planner sees it: price, start, and how many replicas a load takes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.analyze.plan.capacity import Capacities, Capacity, Scaling, start_of
from bench.analyze.plan.demand import RATE, Demand
from bench.analyze.plan.faults import PlanError
from bench.analyze.plan.prices import Prices
from bench.metrics import Floats

Ints = npt.NDArray[np.int64]

_NEARLY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """One profile: price of an hour, start time (s), requests/s of a lone replica at each step of the demand.

    `worth[n]` is how many lone replicas n of them are worth; where there is no loss, n.
    """

    name: str
    per_hour: float
    start_s: float
    start_note: str
    rate_per_s: Floats
    worth: Floats
    least: int

    @property
    def most(self) -> int:
        """Replicas at most."""
        return len(self.worth) - 1

    def replicas_for(self, load: Floats) -> Ints:
        """The least number of replicas that are worth so many lone ones; the most where none is enough."""
        needed = np.searchsorted(self.worth, load - _NEARLY)
        return np.clip(needed, self.least, self.most).astype(np.int64)

    def capacity_per_s(self, replicas: Ints) -> Floats:
        """Requests/s that so many sustain at each step."""
        found: Floats = self.rate_per_s * self.worth[replicas]
        return found


def machines_of(
    demand: Demand, capacities: Capacities, prices: Prices, starts_s: Mapping[str, float] | None = None
) -> tuple[Machine, ...]:
    """The profiles of a capacity file, with prices and `starts_s` over the file's. Raises PlanError."""
    given = starts_s or {}
    unknown = [name for name in given if name not in capacities.profiles]
    if unknown:
        raise PlanError(f"--start {unknown[0]}: the capacity file has {', '.join(capacities.profiles)}")
    machines = []
    for name, capacity in capacities.profiles.items():
        if name not in prices.profiles:
            raise PlanError(
                f"{name}: no price: give one with --prices FILE, as `profiles: {{{name}: 1.23}}` "
                f"(known: {', '.join(prices.profiles)})"
            )
        start_s, note = (given[name], "as given") if name in given else start_of(name, capacity)
        machines.append(
            Machine(
                name=name,
                per_hour=prices.profiles[name].per_hour,
                start_s=start_s,
                start_note=note,
                rate_per_s=_rates(name, demand, capacity),
                worth=worth(capacity.scaling, capacity.max_replicas),
                least=capacity.min_replicas,
            )
        )
    return tuple(machines)


def worth(scaling: Scaling, most: int) -> Floats:
    """Lone replicas that 0 to `most` replicas are worth, as far as one more still adds something."""
    n = np.arange(most + 1, dtype=np.float64)
    found: Floats = n / (1 + scaling.sigma * (n - 1) + scaling.kappa * n * (n - 1))
    found[0] = 0.0
    return found[: int(np.argmax(found)) + 1]


def _rates(name: str, demand: Demand, capacity: Capacity) -> Floats:
    """Requests/s of one replica at each step: of the mix, or 1 / sum of share / rate over the classes."""
    total = demand.rate_per_s
    if capacity.rate_per_s is not None:
        return np.full(total.shape, capacity.rate_per_s * capacity.mix_factor)
    rates = capacity.class_rates_per_s
    missing = [cls for cls in demand.classes if cls not in rates]
    if missing:
        what = "the demand tells no classes" if missing == [RATE] else f"the demand has class {missing[0]!r}"
        raise PlanError(
            f"{name}: {what}, and class_rates_per_s has {', '.join(rates)}: give rate_per_s of the mix, or a "
            "column (and a rate) for each class"
        )
    load = np.sum([asked / rates[cls] for cls, asked in demand.classes.items()], axis=0)
    mean = total.sum() / load.sum() if load.sum() else 1.0
    mixed = np.divide(total, load, out=np.full(total.shape, mean), where=load > 0)
    found: Floats = mixed * capacity.mix_factor
    return found

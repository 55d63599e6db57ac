"""One plan each: a policy on some machines, as careful as the target needs, replayed against the demand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.analyze.plan.answer import PolicyName
from bench.analyze.plan.demand import Demand, growth
from bench.analyze.plan.fleets import Fleet, forecast, reactive, scheduled, static
from bench.analyze.plan.machines import Machine
from bench.analyze.plan.replay import Replayed, replay
from bench.analyze.plan.settings import Settings

STEP = 0.05
"""A share of u*, and of the forecast, by which a plan that misses its target is made more careful."""

FINEST = 0.005
MOST_BASES = 32
MOST_MARGIN = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A fleet over time, how it was loaded, and how it fared."""

    policy: PolicyName
    fleet: Fleet
    utilisation: float | None
    fared: Replayed
    base: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Planner:
    """Makes candidates for one demand under one set of settings."""

    demand: Demand
    settings: Settings

    def fares(self, fleet: Fleet) -> Replayed:
        """Against the demand."""
        return replay(self.demand, fleet.capacity_per_s(), self.settings.max_delay_s)

    def keeps(self, fared: Replayed) -> bool:
        """Whether no more of the demand is delayed than allowed."""
        return fared.drained and fared.delayed_share <= self.settings.max_delayed_share

    def headroom(self, machine: Machine) -> float:
        """u* = 1 / G over the time until a new replica serves, or what the settings say."""
        if self.settings.utilisation is not None:
            return self.settings.utilisation
        within_s = self.settings.detect_s + machine.start_s
        return 1 / growth(self.demand, within_s, self.settings.growth_quantile)

    def static(self, machines: Sequence[Machine]) -> Candidate:
        """The smallest that keeps the target, and the spare on top."""
        rate = self.demand.rate_per_s
        share = 1.0
        if self.settings.max_delayed_share or self.settings.max_delay_s:
            share = _least(lambda part: self.keeps(self.fares(static(machines, rate * part, 0))), 0.0, 1.0)
        fleet = static(machines, rate * share, self.settings.spare)
        base = {m.name: int(n) for m, n in zip(fleet.machines, fleet.paid[0], strict=True)}
        return Candidate("static", fleet, None, self.fares(fleet), base)

    def scheduled(self, machines: Sequence[Machine]) -> Candidate:
        """With as much margin on the forecast as the target needs, in steps; of several the cheapest way.

        A mix that turns over with the demand pays for every start, so one profile alone may be cheaper.
        """
        ways = [[machine] for machine in machines] + ([list(machines)] if len(machines) > 1 else [])
        return min(map(self._scheduled, ways), key=self._rank)

    def _scheduled(self, machines: Sequence[Machine]) -> Candidate:
        expected, margin = forecast(self.demand), 1.0
        while True:
            fleet = scheduled(machines, expected * margin, self.demand.step_s)
            fared = self.fares(fleet)
            if self.keeps(fared) or margin >= MOST_MARGIN:
                return Candidate("scheduled", fleet, 1 / margin, fared, {})
            margin += STEP

    def reactive(self, machine: Machine) -> Candidate:
        """At u*, or as far below it as the target needs."""
        return self._following(machine, None, self.headroom(machine))

    def based(self, machine: Machine, below: Sequence[Machine]) -> Candidate:
        """The cheapest that keeps the target with some replicas that are always there."""
        highest = self.headroom(machine)
        best = self._following(machine, None, highest)
        for base in below:
            full = int(base.replicas_for(self.demand.rate_per_s / base.rate_per_s).max())
            coarse = max(1, full // MOST_BASES)
            for count in range(coarse, full + 1, coarse):
                best = self._better(best, machine, (base, count), highest)
            around = best.base.get(base.name, 0)
            for count in range(max(1, around - coarse + 1), around + coarse if coarse > 1 else 0):
                best = self._better(best, machine, (base, count), highest)
        return best

    def _better(
        self, best: Candidate, machine: Machine, base: tuple[Machine, int], highest: float
    ) -> Candidate:
        step_s = self.demand.step_s
        # Nothing more careful is cheaper than the least careful.
        cheapest = reactive(machine, self.demand, highest, self.settings, base).cost(step_s)
        if self.keeps(best.fared) and cheapest >= best.fleet.cost(step_s):
            return best
        found = self._following(machine, base, highest)
        return min((best, found), key=self._rank)

    def _rank(self, made: Candidate) -> tuple[bool, float]:
        """Those that keep the target first, and the cheapest of them."""
        return not self.keeps(made.fared), made.fleet.cost(self.demand.step_s)

    def again(self, made: Candidate, machines: Mapping[str, Machine]) -> Candidate:
        """The same policy on the same profiles, with other machines under their names."""
        mine = [machines[machine.name] for machine in made.fleet.machines]
        if made.policy == "static":
            return self.static(mine)
        if made.policy == "scheduled":
            return self.scheduled(mine)
        return self.based(mine[-1], mine[:1]) if made.base else self.reactive(mine[-1])

    def _following(self, machine: Machine, base: tuple[Machine, int] | None, highest: float) -> Candidate:
        def at(utilisation: float) -> tuple[Fleet, Replayed]:
            fleet = reactive(machine, self.demand, utilisation, self.settings, base)
            return fleet, self.fares(fleet)

        used = highest
        fleet, fared = at(used)
        if not self.keeps(fared):
            used = highest * (1 - _least(lambda less: self.keeps(at(highest * (1 - less))[1]), 0.0, 1 - STEP))
            fleet, fared = at(used)
        return Candidate(
            "base + reactive" if base else "reactive",
            fleet,
            used,
            fared,
            {base[0].name: base[1]} if base else {},
        )


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """About the least number of (low, high] from which on it holds; the highest where it holds nowhere."""
    while high - low > FINEST:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high

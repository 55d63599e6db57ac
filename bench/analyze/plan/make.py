"""The answer: every policy on every profile and on mixes of them, and what they cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from bench.analyze.plan.answer import Answer, Asked, Change, Floor, Mix, Plan, ReplicasOf
from bench.analyze.plan.capacity import Capacities
from bench.analyze.plan.demand import DAY_S, Demand, growth
from bench.analyze.plan.faults import PlanError
from bench.analyze.plan.fleets import Fleet, days_of
from bench.analyze.plan.machines import Machine, machines_of
from bench.analyze.plan.mix import cheapest
from bench.analyze.plan.planner import Candidate, Planner
from bench.analyze.plan.prices import Prices
from bench.analyze.plan.settings import Settings

MILLION = 1e6


def make_plans(
    demand: Demand,
    capacities: Capacities,
    prices: Prices,
    settings: Settings,
    starts_s: Mapping[str, float] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Answer:
    """Plan every policy and replay it; `tell` hears what is being tried. Raises PlanError."""
    if demand.out_tokens_per_s is None and capacities.out_tokens:
        demand = replace(demand, out_tokens_per_s=demand.rate_per_s * capacities.out_tokens)
    machines = machines_of(demand, capacities, prices, starts_s)
    planner = Planner(demand, settings)
    floors = tuple(_floor(planner, machine) for machine in machines)
    made = sorted(_candidates(planner, machines, tell), key=lambda one: one.fleet.cost(demand.step_s))
    plans = tuple(_plan(planner, one, floors) for one in made)
    best = next((i for i, plan in enumerate(plans) if plan.keeps_target and plan.policy != "scheduled"), None)
    chosen = None if best is None else made[best]
    return Answer(
        currency=prices.currency,
        prices={m.name: _price(prices, m.name) for m in machines},
        slo=capacities.slo,
        simulated=capacities.simulated,
        settings=settings,
        demand=_asked(demand),
        floors=floors,
        plans=plans,
        best=best,
        inversion=_inversion(floors, plans, prices.currency),
        at_estimate=_at(planner, chosen, machines, floors, _scales(capacities, "estimate_per_s")),
        at_refuted=_at(planner, chosen, machines, floors, _scales(capacities, "refuted_per_s")),
        mixes=_mixes(planner, machines),
        by_hour=_by_hour(chosen.fleet, demand.step_s) if chosen else {},
        changes=changes_of(chosen.fleet, demand.step_s) if chosen else (),
    )


def _candidates(
    planner: Planner, machines: Sequence[Machine], tell: Callable[[str], None]
) -> Iterator[Candidate]:
    """What can be made at all. What `max_replicas` forbids is left out, but not if that is everything."""
    faults: list[PlanError] = []
    made = 0
    for what, make in _tries(planner, machines):
        tell(what)
        try:
            candidate = make()
        except PlanError as fault:
            faults.append(fault)
            continue
        made += 1
        if not _again(candidate, what):
            yield candidate
    if not made:
        raise faults[0]


def _again(made: Candidate, what: str) -> bool:
    """Whether it came out as a plan that is there already: no base helps, or one profile is the best mix."""
    if what.startswith("base"):
        return made.policy == "reactive"
    return what.endswith("all profiles") and len(_replicas(made)) == 1


def _tries(planner: Planner, machines: Sequence[Machine]) -> Iterator[tuple[str, Callable[[], Candidate]]]:
    for machine in machines:
        others = [one for one in machines if one is not machine]
        yield f"static, {machine.name}", partial(planner.static, [machine])
        yield f"reactive, {machine.name}", partial(planner.reactive, machine)
        yield f"base + reactive, {machine.name}", partial(planner.based, machine, [machine])
        yield f"scheduled, {machine.name}", partial(planner.scheduled, [machine])
        if others:
            yield f"base + reactive, {machine.name} over others", partial(planner.based, machine, others)
    if len(machines) > 1:
        yield "static, all profiles", partial(planner.static, machines)
        yield "scheduled, all profiles", partial(planner.scheduled, machines)


def _plan(planner: Planner, made: Candidate, floors: Sequence[Floor]) -> Plan:
    """Costs are of the replicas that are paid for; good is what did not have to wait for capacity."""
    demand, fleet = planner.demand, made.fleet
    cost = fleet.cost(demand.step_s)
    good = ~made.fared.delayed
    requests = float(demand.rate_per_s[good].sum()) * demand.step_s
    tokens = None
    if demand.out_tokens_per_s is not None:
        tokens = float(demand.out_tokens_per_s[good].sum()) * demand.step_s
    a_request = cost / requests * MILLION if requests else None
    floor = min(one.per_million_requests for one in floors)
    return Plan(
        policy=made.policy,
        replicas=_replicas(made),
        utilisation=made.utilisation,
        per_day=cost * DAY_S / demand.length_s,
        per_million_requests=a_request,
        per_million_tokens=cost / tokens * MILLION if tokens else None,
        of_floor=floor / a_request if a_request else None,
        delayed_share=made.fared.delayed_share,
        longest_wait_s=made.fared.longest_wait_s,
        drained=made.fared.drained,
        keeps_target=planner.keeps(made.fared),
    )


def _replicas(made: Candidate) -> tuple[ReplicasOf, ...]:
    found = (
        ReplicasOf(
            profile=machine.name,
            mean=float(counts.mean()),
            most=int(counts.max()),
            base=made.base.get(machine.name, 0),
        )
        for machine, counts in zip(made.fleet.machines, made.fleet.paid.T, strict=True)
    )
    return tuple(one for one in found if one.most)


def _floor(planner: Planner, machine: Machine) -> Floor:
    demand = planner.demand
    rate = demand.rate_per_s
    # One replica that is always full, as long as all of the demand takes it.
    hours = float((rate / machine.rate_per_s).sum()) * demand.step_s / 3600
    requests = float(rate.sum()) * demand.step_s
    tokens = 0.0 if demand.out_tokens_per_s is None else float(demand.out_tokens_per_s.sum()) * demand.step_s
    grows = growth(demand, planner.settings.detect_s + machine.start_s, planner.settings.growth_quantile)
    return Floor(
        profile=machine.name,
        per_hour=machine.per_hour,
        rate_per_s=requests / (hours * 3600),
        start_s=machine.start_s,
        start_note=machine.start_note,
        per_million_requests=hours * machine.per_hour / requests * MILLION,
        per_million_tokens=hours * machine.per_hour / tokens * MILLION if tokens else None,
        growth=grows,
        utilisation=planner.headroom(machine),
    )


def _price(prices: Prices, name: str) -> str:
    """A price in words, with whose and of when it is."""
    price = prices.profiles[name]
    parts = (price.machine, price.as_of, price.certainty and f"certainty {price.certainty}", price.source)
    return f"{price.per_hour:g} {prices.currency}/h" + "".join(f"; {part}" for part in parts if part)


def _asked(demand: Demand) -> Asked:
    rate = demand.rate_per_s
    tokens = demand.out_tokens_per_s
    return Asked(
        step_s=demand.step_s,
        length_s=demand.length_s,
        days=days_of(demand),
        mean_per_s=float(rate.mean()),
        peak_per_s=float(rate.max()),
        out_tokens=None if tokens is None else float(tokens.sum() / rate.sum()),
    )


def _inversion(floors: Sequence[Floor], plans: Sequence[Plan], currency: str) -> str | None:
    """Where the profile with the cheapest floor is not the one that delivers cheapest: say so."""
    alone = [plan for plan in plans if plan.keeps_target and plan.policy != "scheduled"]
    delivered: dict[str, Plan] = {}
    for plan in alone:
        if len(plan.profiles) == 1:
            delivered.setdefault(plan.profiles[0], plan)
    compared = [floor for floor in floors if floor.profile in delivered]
    if len(compared) < 2:
        return None
    floor = min(compared, key=lambda one: one.per_million_requests)
    winner = min(delivered, key=lambda name: delivered[name].per_day)
    if winner == floor.profile:
        return None
    first, second = delivered[winner], delivered[floor.profile]
    less = 1 - first.per_day / second.per_day
    return (
        f"{floor.profile} has the cheapest floor, yet {winner} delivers the same demand for {less:.0%} less: "
        f"{first.per_day:,.0f} against {second.per_day:,.0f} {currency} a day"
    )


def _scales(capacities: Capacities, key: str) -> dict[str, float]:
    """How many times the confirmed rate another figure of the file is, for the profiles that have it."""
    found = {}
    for name, capacity in capacities.profiles.items():
        other = getattr(capacity, key)
        if capacity.rate_per_s is not None and other is not None:
            found[name] = other / capacity.rate_per_s
    return found


def _at(
    planner: Planner,
    chosen: Candidate | None,
    machines: Sequence[Machine],
    floors: Sequence[Floor],
    scales: Mapping[str, float],
) -> Plan | None:
    """The chosen policy once more, with other rates; None where a profile of it has none."""
    if chosen is None or any(machine.name not in scales for machine in chosen.fleet.machines):
        return None
    other = {
        m.name: replace(m, rate_per_s=m.rate_per_s * scales[m.name]) for m in machines if m.name in scales
    }
    return _plan(planner, planner.again(chosen, other), floors)


def _mixes(planner: Planner, machines: Sequence[Machine]) -> tuple[Mix, ...]:
    """The cheapest fleets for the mean and for the peak, each profile at its utilisation."""
    rate = planner.demand.rate_per_s
    used = np.array([planner.headroom(machine) for machine in machines])
    peak = int(rate.argmax())
    found = []
    for what, need in (("mean", float(rate.mean())), ("peak", float(rate.max()))):
        rates = np.array([[machine.rate_per_s[peak] for machine in machines]]) * used
        try:
            counts = cheapest(machines, np.array([need]), rates)
        except PlanError:
            continue
        replicas = {m.name: n for m, n in zip(machines, counts, strict=True) if n}
        per_hour = sum(m.per_hour * n for m, n in zip(machines, counts, strict=True))
        found.append(
            Mix.model_validate({"what": what, "rate_per_s": need, "replicas": replicas, "per_hour": per_hour})
        )
    return tuple(found)


def changes_of(fleet: Fleet, step_s: float) -> tuple[Change, ...]:
    """The paid replicas over time, a row where they change."""
    moved = np.any(np.diff(fleet.paid, axis=0) != 0, axis=1)
    names = [machine.name for machine in fleet.machines]
    return tuple(
        Change(start_s=int(at) * step_s, replicas=dict(zip(names, fleet.paid[at].tolist(), strict=True)))
        for at in np.concatenate([[0], np.flatnonzero(moved) + 1])
    )


def _by_hour(fleet: Fleet, step_s: float) -> dict[str, tuple[int, ...]]:
    hours = (np.arange(len(fleet.paid)) * step_s // 3600).astype(np.int64)
    most = np.zeros((int(hours[-1]) + 1, len(fleet.machines)), dtype=np.int64)
    np.maximum.at(most, hours, fleet.paid)
    return {m.name: tuple(counts) for m, counts in zip(fleet.machines, most.T.tolist(), strict=True)}

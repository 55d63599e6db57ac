"""A plan for people: the terminal, and plan.json."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.plan import Answer, Floor, Plan
from bench.record import replace
from bench.report import words
from bench.report.table import Grid, table

FILE = "plan.json"
BEST = "> "


def write_plan(folder: Path, answer: Answer) -> Path:
    """Leave plan.json in a folder."""
    file = folder / FILE
    replace(file, answer.model_dump_json(indent=2) + "\n")
    return file


def render_plan(answer: Answer) -> RenderableType:
    """Demand, floors, plans and what follows from them, in 100 columns."""
    return Group(
        Text(_demand(answer)),
        Text(),
        table(floor_grid(answer)),
        Text(),
        table(plan_grid(answer)),
        Text(_legend(answer)),
        Text(),
        *map(Text, _sentences(answer)),
    )


def floor_grid(answer: Answer) -> Grid:
    """One row a profile: what it would cost if it were always full, and its headroom."""
    money = answer.currency
    headings = ("profile", f"{money}/h", "one replica\nreq/s", "start\ns", f"floor {money}\n/1M requests",
                f"floor {money}\n/1M tokens", "growth G", "may be\nloaded u")  # fmt: skip
    rows = (_floor_row(floor) for floor in answer.floors)
    return Grid("What one replica is worth", headings, 1, tuple(rows))


def _floor_row(floor: Floor) -> tuple[str, ...]:
    return (
        floor.profile,
        f"{floor.per_hour:.2f}",
        words.rate(floor.rate_per_s),
        words.number(floor.start_s),
        words.number(floor.per_million_requests, 2),
        words.number(floor.per_million_tokens, 3),
        f"{floor.growth:.3f}",
        f"{floor.utilisation:.3f}",
    )


def plan_grid(answer: Answer) -> Grid:
    """One row a plan, cheapest first."""
    money = answer.currency
    headings = ("policy", "replicas: mean (most)", "loaded\nu", f"{money}\n/day", f"{money}\n/1M tokens",
                "of floor\n%", "delayed\n%", "longest\nwait s", "target")  # fmt: skip
    rows = (
        (
            (BEST if number == answer.best else "") + plan.policy,
            _replicas(plan),
            words.number(plan.utilisation, 3),
            words.number(plan.per_day),
            words.number(plan.per_million_tokens, 2),
            words.share(plan.of_floor),
            words.share(plan.delayed_share),
            words.number(plan.longest_wait_s) + ("" if plan.drained else "+"),
            "kept" if plan.keeps_target else "MISSED",
        )
        for number, plan in enumerate(answer.plans)
    )
    return Grid("Plans, each replayed against the demand", headings, 2, tuple(rows))


def _replicas(plan: Plan) -> str:
    parts = []
    for one in plan.replicas:
        always = one.base == one.most
        counts = f"{one.most}" if always else f"{one.mean:.1f} ({one.most})"
        parts.append(f"{counts} {one.profile}" + (f", {one.base} always" if one.base and not always else ""))
    return " + ".join(parts) or "none"


def _demand(answer: Answer) -> str:
    asked, simulated = answer.demand, "SIMULATED capacities. " if answer.simulated else ""
    tokens = "" if asked.out_tokens is None else f", {asked.out_tokens:.0f} output tokens a request"
    return (
        f"{simulated}Demand: {asked.length_s / 3600:.1f} h in steps of {asked.step_s:g} s, mean "
        f"{words.rate(asked.mean_per_s)}, peak {words.rate(asked.peak_per_s)} requests/s{tokens}"
    )


def _legend(answer: Answer) -> str:
    settings = answer.settings
    target = (
        f"target: at most {settings.max_delayed_share:.4g} of the requests wait for capacity longer than "
        f"{settings.max_delay_s:g} s"
    )
    if answer.demand.days < 2:
        known = "scheduled knows the demand beforehand: a bound, not a promise"
    else:
        known = f"scheduled expects of each day the highest of the other {answer.demand.days - 1}"
    return f"{target}; floor: the cheapest profile, always full; {known}"


def _sentences(answer: Answer) -> Iterator[str]:
    best = None if answer.best is None else answer.plans[answer.best]
    if best is None:
        yield "no plan keeps the target: raise max_replicas, or allow more with --delayed or --max-delay"
    else:
        yield f"{BEST}cheapest that keeps the target: {best.policy}, {_costs(best, answer.currency)}"
        yield from _other_rates(answer)
        yield from _in_model(answer)
        for profile, hours in answer.by_hour.items():
            yield f"  most {profile} by hour: {' '.join(map(str, hours))}"
    if answer.inversion:
        yield answer.inversion
    for mix in answer.mixes:
        fleet = " + ".join(f"{count} {name}" for name, count in mix.replicas.items())
        yield (
            f"cheapest fleet for the {mix.what} ({words.rate(mix.rate_per_s)}/s) at u: {fleet}, "
            f"{mix.per_hour:.2f} {answer.currency}/h"
        )
    for floor in answer.floors:
        yield f"{floor.profile}: {answer.prices[floor.profile]}; start {floor.start_note}"


def _costs(plan: Plan, currency: str) -> str:
    tokens = plan.per_million_tokens
    share = "" if tokens is None else f", {tokens:.2f} {currency} per million good output tokens"
    return f"{_replicas(plan)}, {plan.per_day:,.0f} {currency} a day{share}"


def _other_rates(answer: Answer) -> Iterator[str]:
    """What the uncertainty of the capacities means for the cost."""
    for what, plan in (("its best estimate", answer.at_estimate), ("what was refuted", answer.at_refuted)):
        if plan is not None:
            yield f"  were each replica worth {what}: {_costs(plan, answer.currency)}"


def _in_model(answer: Answer) -> Iterator[str]:
    """What became of the best plan request by request, beside what the fluid says."""
    played = answer.in_model
    if played is None or answer.best is None:
        return
    fleet = " + ".join(
        f"{least} {name}" if least == most else f"{least} to {most} {name}"
        for name, (least, most) in played.replicas.items()
    )
    fluid = answer.plans[answer.best].delayed_share
    yield (
        f"  in the model (SIMULATED, VIRTUAL TIME): {played.requests:,} requests of {played.scenario} in the "
        f"busiest {played.length_s / 60:g} min, from {played.start_s / 3600:.1f} h on, against {fleet}: "
        f"{played.what}, SLO {'kept' if played.keeps_slo else 'MISSED'} (asked: {played.target:.4g}). The "
        f"fluid replay has {words.share(fluid)}% of all requests wait for capacity"
    )

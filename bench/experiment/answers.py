"""What a capacity search answers: capacity.json for the planner, search.json for people. Pure."""

from bench.analyze import RunPoint, Searched, SearchReport, falling
from bench.analyze.plan import Capacities, Capacity
from bench.experiment.capacity import CapacitySearch, Made
from bench.experiment.search import Found
from bench.scenario import Scenario


def ends_of(search: CapacitySearch) -> dict[str, Found]:
    """What was found of each profile whose search has ended."""
    return {name: end for name in search.made if isinstance(end := search.next(name), Found)}


def capacities_of(search: CapacitySearch, scenario: Scenario) -> Capacities | None:
    """capacity.json: rates of one replica; None where no profile was confirmed."""
    made = search.made
    known = {name: one for name, end in ends_of(search).items() if (one := _capacity(end, made[name]))}
    if not known:
        return None
    return Capacities(
        slo=_slo_in_words(scenario),
        simulated=any(run.simulated for runs in made.values() for run in runs),
        out_tokens=_out_tokens(search),
        profiles=known,
    )


def report_of(search: CapacitySearch, scenario: Scenario) -> SearchReport:
    """search.json: every run, and what they show together."""
    runs = [run for made in search.made.values() for run in made]
    return SearchReport(
        scenario=scenario.name,
        slo=_slo_in_words(scenario),
        target=search.attainment,
        window_s=scenario.duration_s - scenario.warmup_s,
        simulated=any(run.simulated for run in runs),
        virtual=any(run.virtual for run in runs),
        profiles=tuple(_searched(name, end, search.made[name]) for name, end in ends_of(search).items()),
    )


def workers_of(made: tuple[Made, ...]) -> int:
    """The most replicas that served any run that counts: a rate per replica is never told too high."""
    return max((run.workers for run in made if run.valid), default=1) or 1


def _searched(name: str, found: Found, made: tuple[Made, ...]) -> Searched:
    points = tuple(RunPoint(**run.model_dump(include=set(RunPoint.model_fields))) for run in made)
    return Searched(
        profile=name,
        outcome=found.outcome,
        sentence=found.sentence,
        confirmed_per_s=found.confirmed_per_s,
        estimate_per_s=found.estimate_per_s,
        refuted_per_s=found.refuted_per_s,
        replicas=workers_of(made),
        runs=points,
        fit=falling(points),
    )


def _capacity(found: Found, made: tuple[Made, ...]) -> Capacity | None:
    """Of one replica; None where nothing was confirmed."""
    if found.confirmed_per_s is None:
        return None
    workers = workers_of(made)
    scaled = (found.confirmed_per_s, found.estimate_per_s, found.refuted_per_s)
    rate, estimate, refuted = (None if one is None else one / workers for one in scaled)
    return Capacity(rate_per_s=rate, estimate_per_s=estimate, refuted_per_s=refuted)


def _out_tokens(search: CapacitySearch) -> float | None:
    """Mean output tokens of a request, over the runs that confirm."""
    told = [
        run.out_tokens
        for runs in search.made.values()
        for run in runs
        if run.stage == "confirm" and run.out_tokens
    ]
    return sum(told) / len(told) if told else None


def _slo_in_words(scenario: Scenario) -> str:
    parts = []
    for traffic in scenario.classes:
        if traffic.slo is not None:
            limits = " and ".join(f"{name} <= {ms:g} ms" for name, ms in traffic.slo.limits_ms().items())
            parts.append(f"{traffic.name}: {traffic.slo.attainment:.4g} of the requests with {limits}")
    window_s = scenario.duration_s - scenario.warmup_s
    return f"{'; '.join(parts)}; in windows of {window_s:g} s"

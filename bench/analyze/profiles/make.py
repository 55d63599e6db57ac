"""The comparison of profiles, put together from the searches, the runs, the prices and the cold starts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analyze.cold_starts import LaneStarts, StartsReport
from bench.analyze.plan import Prices
from bench.analyze.profiles.design import CONDITIONS, Condition, Design
from bench.analyze.profiles.limits import SCALES, Attained, attained, limits_sentence, scaled
from bench.analyze.profiles.money import Money, bought, bought_sentence, equal_slo, refuse_unpriced, sustained
from bench.analyze.profiles.pareto import pareto, pareto_sentence
from bench.analyze.profiles.ratios import AMOUNTS, LATENCIES, Arms, RatioOf, ratios_of
from bench.analyze.profiles.report import Compared, LeftOutRun, ProfilesReport
from bench.analyze.profiles.rows import ProfileRun, at_rate, load_profile_runs, names_in, out_tokens_in
from bench.analyze.profiles.searched import scenario_of
from bench.analyze.run import AnalysisError
from bench.record import RunFolder

LEAST_WINDOW_S = 120.0
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from beside its own runs; `budget_per_hour` None: the dearest replica's price."""

    design: Design
    prices: Prices
    budget_per_hour: float | None = None
    starts: StartsReport | None = None


def report_profiles(
    folder: Path, sources: Sources, tell: Callable[[str], None] = lambda _: None
) -> ProfilesReport:
    """Everything that the finished runs in an experiment's folder say.

    Raises AnalysisError where runs or prices are missing, and where simulated would stand beside real.
    """
    design = sources.design
    planned = {name: one.replicas for name, one in design.searched.items()}
    tell("the runs")
    runs = load_profile_runs(folder, planned)
    refuse_unpriced(sources.prices, design.searched)
    for run in runs:
        refuse_mixed(design, run.folder, run.unreal)
    under = {name: _attained(folder, design, runs, name, tell) for name in design.searched}
    return make_report(folder.name, sources, runs, under)


def _attained(
    folder: Path, design: Design, runs: Sequence[ProfileRun], name: str, tell: Callable[[str], None]
) -> list[Attained]:
    mine = [
        (RunFolder(folder / run.folder), run.rate_per_s)
        for run in runs
        if run.profile == name and not run.fault
    ]
    return attained(design.searched[name], mine, tell)


def refuse_mixed(design: Design, run: str, unreal: str) -> None:
    """Raise AnalysisError where a run was not made as its capacity was searched: real, or simulated how."""
    searched = next(iter(design.searched.values())).unreal
    if unreal != searched:
        raise AnalysisError(
            f"{run} was {unreal or 'measured on a real GPU'}, and the capacity was "
            f"{searched or 'measured on real GPUs'}: that is no comparison of profiles"
        )


def refuse_other_starts(design: Design, starts: StartsReport) -> None:
    """Raise AnalysisError where cold starts and capacity were not both simulated, or both real."""
    unreal = next(iter(design.searched.values())).unreal
    if starts.simulated != bool(unreal):
        kinds = ("real", "simulated")
        raise AnalysisError(
            f"the cold starts in {starts.folder} are {kinds[starts.simulated]}, and the capacity is "
            f"{kinds[bool(unreal)]}: leave out --provision, or measure both alike"
        )


def make_report(
    folder: str, sources: Sources, runs: Sequence[ProfileRun], under: Mapping[str, Sequence[Attained]]
) -> ProfilesReport:
    """The report of runs in memory; `under`: per profile, its runs under other limits."""
    design = sources.design
    money = Money(sources.prices, out_tokens_in(runs))
    rates = {name: sustained(one, money) for name, one in design.searched.items()}
    reference = rates[design.reference]
    budget = sources.budget_per_hour or max(one.per_hour for one in rates.values())
    buys = tuple(bought(one, budget) for one in rates.values())
    points = pareto(design, runs, money)
    limits = tuple(scaled(scale, design.searched, under, money) for scale in SCALES)
    first = design.searched[design.reference]
    counted = [run for run in runs if not run.fault]
    return ProfilesReport(
        folder=folder,
        scenario=scenario_of(first).name,
        slo=first.slo,
        attainment=first.attainment,
        unreal=first.unreal,
        reference=design.reference,
        utilisation=design.utilisation,
        equal_rate_per_s=design.equal_per_s,
        seeds=len({run.seed for run in runs}),
        runs=len(counted),
        requests=sum(run.requests for run in counted) / len(counted) if counted else 0.0,
        window_s=_windows(runs),
        left_out=tuple(LeftOutRun(folder=run.folder, why=run.fault) for run in runs if run.fault),
        currency=sources.prices.currency,
        unit=money.unit,
        sustained=tuple(rates.values()),
        equal_slo=tuple(equal_slo(rates[name], reference, money) for name in design.others()),
        compared=tuple(compare(design, runs)),
        budget_per_hour=budget,
        bought=buys,
        bought_sentence=bought_sentence(buys, budget, sources.prices.currency),
        pareto=points,
        pareto_sentence=pareto_sentence(points),
        limits=limits,
        limits_sentence=limits_sentence(limits),
        provisioning=_lanes(design, sources.starts),
        provisioning_note=_starts_note(design, sources.starts),
        notes=tuple(_notes(design, runs, money)),
    )


def compare(design: Design, runs: Sequence[ProfileRun]) -> Iterator[Compared]:
    """Each profile against the reference at each condition, over the seeds whose runs count."""
    names = names_in(runs, (*LATENCIES, *AMOUNTS))
    for condition in CONDITIONS:
        base = design.rate_per_s(condition, design.reference)
        reference_runs = at_rate(runs, design.reference, base)
        for profile in design.others():
            rate = design.rate_per_s(condition, profile)
            arms = Arms(profile, design.reference, at_rate(runs, profile, rate), reference_runs)
            ratios = ratios_of(names, arms)
            yield Compared(
                condition=condition,
                profile=profile,
                reference=design.reference,
                rate_per_s=rate,
                reference_rate_per_s=base,
                ratios=ratios,
                sentence=_sentence(condition, profile, design, ratios),
            )


def _sentence(condition: Condition, profile: str, design: Design, ratios: Sequence[RatioOf]) -> str:
    """Which latencies are shown to differ, in one sentence."""
    at = (
        f"At equal utilisation ({design.utilisation:.0%} of what each sustains)"
        if condition == "utilisation"
        else f"At the equal rate of {design.equal_per_s:.3g} requests/s a replica"
    )
    latencies = [one for one in ratios if one.better == "lower"]
    said = {verdict: [one for one in latencies if one.verdict == verdict] for verdict in _WORDS}
    parts = [f"{_WORDS[verdict]} in {_listed(alike)}" for verdict, alike in said.items() if alike]
    return f"{at}, {profile} against {design.reference}: {'; '.join(parts) or 'nothing can be compared'}."


def _listed(alike: Sequence[RatioOf]) -> str:
    """Each with its ratio; of many only how many, and between what."""
    known = [one.ratio for one in alike if one.ratio is not None]
    if len(alike) > MOST_NAMED or not known:
        ends = f" ({min(known):.2f} to {max(known):.2f})" if known else ""
        return f"{len(alike)} {'latency' if len(alike) == 1 else 'latencies'}{ends}"
    return ", ".join(f"{one.name} ({one.ratio:.2f})" for one in alike)


_WORDS = {
    "better": "faster",
    "worse": "slower",
    "not separable": "not separable",
    "not compared": "not compared",
}


def _windows(runs: Sequence[ProfileRun]) -> tuple[float, float]:
    lengths_s = [run.window_s for run in runs] or [0.0]
    return min(lengths_s), max(lengths_s)


def _lanes(design: Design, starts: StartsReport | None) -> tuple[LaneStarts, ...]:
    return tuple(lane for lane in starts.lanes if lane.profile in design.searched) if starts else ()


def _starts_note(design: Design, starts: StartsReport | None) -> str:
    """What of provisioning can be compared, and what cannot."""
    if starts is None:
        return (
            "No cold starts were given: `bench provision` measures them, and --provision FOLDER shows them."
        )
    known = {lane.profile for lane in starts.lanes}
    missing = [name for name in design.searched if name not in known]
    if missing:
        return f"{starts.folder} has no start of {', '.join(missing)} that counts."
    return "Curves are compared by eye: where their bounds overlap, the profiles are not separable."


def _notes(design: Design, runs: Sequence[ProfileRun], money: Money) -> Iterator[str]:
    shortest_s = min((run.window_s for run in runs), default=0.0)
    if shortest_s < LEAST_WINDOW_S:
        yield (
            f"the shortest window is {shortest_s:.3g} s: below {LEAST_WINDOW_S:g} s queues have little time "
            "to build up; ratios are those of runs of this length"
        )
    if design.utilisation > MOST_STEADY:
        yield f"at {design.utilisation:.0%} of the confirmed rate, tails vary much from run to run"
    doubtful = [run for run in runs if run.doubts and not run.fault]
    if doubtful:
        rules = ", ".join(sorted({rule for run in doubtful for rule in run.doubts}))
        yield f"{len(doubtful)} of {len(runs)} runs break rules of validity ({rules}), and count nevertheless"
    if money.unit == "requests":
        yield "costs are of a million requests, as no run told output tokens"


MOST_STEADY = 0.7

"""The pieces of the page of a comparison of profiles: answers first, then figures, then numbers."""

from collections.abc import Sequence

from bench.analyze.profiles import Compared, EqualSlo, ProfilesReport
from bench.report import figures, page, profiles_figures, words
from bench.report.page import Html
from bench.report.profiles import (
    asides,
    bought_grid,
    capital,
    limits_grid,
    made_of,
    not_compared,
    point_grid,
    ratio_grid,
    sustained_grid,
)


def headline(report: ProfilesReport) -> Html:
    """Who is cheaper, by how much, and how sure that is."""
    others = ", ".join(one.profile for one in report.equal_slo)
    unreal = words.unreal(report.unreal)
    told = [piece for one in report.equal_slo for piece in _answer(one)]
    return (
        page.title(f"{report.reference} against {others}")
        + page.note(f"{report.slo}. {made_of(report)}.")
        + (page.note(unreal, "simulated") if unreal else Html(""))
        + page.stack(told)
        + page.listed(
            [
                ("equal money", f"{report.bought_sentence}."),
                *(("equal load", one.sentence) for one in report.compared),
                ("other limits", report.limits_sentence),
                ("dominance", report.pareto_sentence),
            ]
        )
    )


def _answer(one: EqualSlo) -> list[Html]:
    sure = one.cost.separates()
    return [
        page.note(capital(f"{one.cost_sentence}."), "good" if sure else "open"),
        page.note(capital(f"{one.price_sentence}.")),
    ]


def equal_load(report: ProfilesReport) -> Html:
    """The ratios at equal utilisation and at equal rate."""
    known = [one for one in report.compared if any(ratio.ratio for ratio in one.ratios)]
    if not known:
        return page.note("No number could be compared: see the table below for the reasons.")
    drawn = [profiles_figures.forest(one) for one in known]
    return figures.panels(drawn, _forest(known), profiles_figures.height_in(known))


def _forest(compared: Sequence[Compared]) -> str:
    return (
        "Left of 1 is less than the reference: good for latencies, bad for rates. The bar is the 95 % "
        "interval over runs with the same seeds; where it holds 1 (open diamonds) the two are not separable. "
        + " ".join(map(_counted, compared))
    )


def _counted(one: Compared) -> str:
    said = [ratio.verdict for ratio in one.ratios if ratio.better == "lower"]
    counts = f"faster in {said.count('better')} of {len(said)} latencies, slower in {said.count('worse')}"
    return f"At equal {one.condition} {one.profile} is {counts}."


def equal_slo(report: ProfilesReport) -> Html:
    """What a replica sustains, and what that costs."""
    drawn = [profiles_figures.sustained(report, cost=cost) for cost in (False, True)]
    told = " ".join(capital(f"{one.rate_sentence}.") for one in report.equal_slo)
    return figures.panels(
        drawn,
        "The mark is what was confirmed, the other end what was refuted; the truth lies between, and an "
        f"arrow is an end that no run showed. {told}",
        height_in=0.9 + 0.35 * len(report.sustained),
    )


def turning(report: ProfilesReport) -> Html:
    """At which price each ranking turns."""
    return page.stack(
        figures.figure(
            profiles_figures.turning(report, place),
            f"Where the rising line crosses the level one, both cost the same: {one.price_sentence}.",
        )
        for place, one in enumerate(report.equal_slo)
    )


def pareto(report: ProfilesReport) -> Html:
    """The trade, if answers are streamed."""
    if not report.pareto:
        return page.note(report.pareto_sentence)
    return figures.figure(
        profiles_figures.pareto(report),
        "Right is a quicker answer for one user, down is cheaper; each mark is a profile at the rate beside "
        "it (open: dominated), faint dots its runs, bars the middle 95 % of resampled runs. "
        f"{report.pareto_sentence}",
    )


def limits(report: ProfilesReport) -> Html:
    """The ranking under other limits."""
    return figures.figure(
        profiles_figures.limits(report),
        "Left is cheaper. The mark is the cost at the highest rate that still held under these limits, the "
        "other end at the lowest that did not; an arrow is an end that no run showed. Only the limits as "
        f"asked were searched and confirmed. {report.limits_sentence}",
        height_in=1.0 + 0.3 * len(report.limits) * len(report.sustained),
    )


def provisioning(report: ProfilesReport) -> Html:
    """The curves of cold starts, where they were measured."""
    drawn = (figures.figure(figures.cold_starts(lane), words.starts(lane)) for lane in report.provisioning)
    return page.note(report.provisioning_note) + page.stack(drawn)


def numbers(report: ProfilesReport) -> Html:
    """Every table."""
    points = page.grid(point_grid(report)) if report.pareto else Html("")
    return (
        page.grid(sustained_grid(report))
        + page.grid(bought_grid(report))
        + page.stack(map(_ratios, report.compared))
        + points
        + page.grid(limits_grid(report))
    )


def _ratios(one: Compared) -> Html:
    return page.grid(ratio_grid(one)) + page.stack(map(page.note, not_compared(one)))


def made_with(report: ProfilesReport) -> Html:
    """Prices, notes, and runs that do not count."""
    known = [("SLO", report.slo), ("runs", made_of(report))]
    return page.listed([*known, *asides(report)])

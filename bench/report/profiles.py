"""A comparison of profiles for people: the terminal, the tables, and profiles.json."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.profiles import Compared, ProfilesReport, RatioOf, name_of
from bench.record import replace
from bench.report import words
from bench.report.facts import Fact
from bench.report.table import Grid, table

FILE = "profiles.json"


def write_profiles(folder: Path, report: ProfilesReport) -> Path:
    """Leave profiles.json in the experiment's folder."""
    replace(folder / FILE, report.to_json())
    return folder / FILE


def render_profiles(report: ProfilesReport) -> RenderableType:
    """Every comparison as a table and a sentence, in 100 columns."""
    unreal = words.unreal(report.unreal)
    compared = [piece for one in report.compared for piece in _compared(one)]
    points: list[RenderableType] = [Text(), table(point_grid(report))] if report.pareto else []
    return Group(
        *([Text(unreal)] if unreal else []),
        Text(made_of(report)),
        Text(),
        table(sustained_grid(report)),
        *compared,
        *points,
        Text(),
        *map(Text, answers(report)),
        *(Text(one.sentence) for one in report.limits),
        *(Text(words.starts(lane)) for lane in report.provisioning),
        Text(report.provisioning_note),
        *(Text(f"{label}: {text}") for label, text in asides(report)),
    )


def _compared(one: Compared) -> Iterator[RenderableType]:
    yield Text()
    yield table(ratio_grid(one))
    yield from map(Text, not_compared(one))


def made_of(report: ProfilesReport) -> str:
    """What the comparison rests on."""
    shortest_s, longest_s = report.window_s
    windows = f"{shortest_s:.3g} s" if shortest_s == longest_s else f"{shortest_s:.3g} to {longest_s:.3g} s"
    return (
        f"{report.scenario}: {report.runs} runs on {report.seeds} seeds, windows of {windows}, "
        f"{report.requests:,.0f} requests a run on average"
    )


def answers(report: ProfilesReport) -> Iterator[str]:
    """The sentences that a decision is made on, money first."""
    for one in report.equal_slo:
        yield capital(f"{one.cost_sentence}.")
        yield capital(f"{one.rate_sentence}.")
        yield capital(f"{one.price_sentence}.")
    yield capital(f"{report.bought_sentence}.")
    yield from (one.sentence for one in report.compared)
    yield report.pareto_sentence
    yield report.limits_sentence


def asides(report: ProfilesReport) -> Iterator[Fact]:
    """What else must be known: notes, prices, runs that do not count."""
    yield from (("note", note) for note in report.notes)
    yield from (("price", f"{one.profile}: {one.price}") for one in report.sustained)
    yield from (("left out", f"{one.folder}: {one.why}") for one in report.left_out)


def capital(sentence: str) -> str:
    """A sentence with a great letter, unless it begins with a profile's name."""
    return sentence[:1].upper() + sentence[1:] if sentence.startswith(("a ", "at ", "not ")) else sentence


def sustained_grid(report: ProfilesReport) -> Grid:
    """One row a profile: what a replica sustains, and what a million cost there."""
    unit = "tokens" if report.unit == "output tokens" else report.unit
    headings = ("profile", "replicas", "confirmed\nreq/s", "refuted\nreq/s", f"{report.currency}/h",
                f"{report.currency}/1M\n{unit}", "at least")  # fmt: skip
    rows = (
        (
            one.profile,
            str(one.replicas),
            words.rate(one.confirmed_per_s),
            words.rate(one.refuted_per_s),
            f"{one.per_hour:.3g}",
            f"{one.per_million:.3g}",
            words.NOTHING if one.per_million_low is None else f"{one.per_million_low:.3g}",
        )
        for one in report.sustained
    )
    return Grid("Equal SLO: one replica", headings, 1, tuple(rows))


def ratio_grid(one: Compared) -> Grid:
    """One row a number: both values, their ratio with its interval, and what may be said."""
    headings = ("number", "to be said", one.reference, one.profile, "ratio", "low", "high", "pairs")
    rows = tuple(_ratio_row(ratio) for ratio in one.ratios)
    return Grid(condition(one), headings, 2, rows)


def not_compared(one: Compared) -> Iterator[str]:
    """Why numbers are missing, by the first of them."""
    missing = [ratio for ratio in one.ratios if ratio.verdict == "not compared"]
    if missing:
        more = f"; so are {len(missing) - 1} more" if len(missing) > 1 else ""
        yield f"{missing[0].sentence}{more}"


def condition(one: Compared) -> str:
    """At which rates, in a few words."""
    if one.condition == "rate":
        return f"{one.profile} against {one.reference} at the equal rate, {words.rate(one.rate_per_s)}/s each"
    loads = f"{words.rate(one.rate_per_s)} and {words.rate(one.reference_rate_per_s)}/s"
    return f"{one.profile} against {one.reference} at equal utilisation, {loads}"


def _ratio_row(one: RatioOf) -> tuple[str, ...]:
    ends = (one.ratio, one.low, one.high)
    return (
        one.name,
        one.verdict,
        value(one, one.reference_value),
        value(one, one.value),
        *(words.NOTHING if end is None else f"{end:.3f}" for end in ends),
        str(one.pairs),
    )


def value(one: RatioOf, of: float | None) -> str:
    """A number in its unit: latencies in ms, rates bare."""
    return words.in_unit(of, "s" if one.better == "lower" else "")


def point_grid(report: ProfilesReport) -> Grid:
    """One row a point: what one user sees, what it costs, and who is better placed."""
    money = report.currency
    headings = ("point", "standing", "best rival", "tokens/s\na user", f"{money}/1M\ntokens", "runs",
                "P(rival\nas good)")  # fmt: skip
    rows = (
        (
            name_of(one.profile, one.rate_per_s),
            one.standing,
            one.dominated_by or words.NOTHING,
            words.rate(one.tokens_per_s),
            f"{one.per_million:.3g}",
            str(one.runs),
            f"{one.probability:.2f}",
        )
        for one in report.pareto
    )
    return Grid("What a user sees against what it costs", headings, 3, tuple(rows))


def bought_grid(report: ProfilesReport) -> Grid:
    """One row a profile: replicas and rate for the same money."""
    headings = ("profile", "replicas", "confirmed\nreq/s", "refuted\nreq/s", "divided:\nconfirmed", "refuted")
    rows = (
        (
            one.profile,
            str(one.replicas),
            words.rate(one.confirmed_per_s),
            words.rate(one.refuted_per_s),
            words.rate(one.exact_per_s),
            words.rate(one.exact_refuted_per_s),
        )
        for one in report.bought
    )
    title = f"Equal money: what {report.budget_per_hour:.4g} {report.currency}/h buys"
    return Grid(title, headings, 1, tuple(rows))


def limits_grid(report: ProfilesReport) -> Grid:
    """One row a scale of the SLO and a profile."""
    rows = (
        (
            f"{one.scale:g} times",
            reached.profile,
            one.cheaper or "not separable",
            words.rate(reached.low_per_s),
            words.rate(reached.high_per_s),
        )
        for one in report.limits
        for reached in one.reached
    )
    headings = ("limits", "profile", "cheaper", "req/s\nfrom", "to\nbelow")
    return Grid("Other limits: what one replica sustains", headings, 3, tuple(rows))

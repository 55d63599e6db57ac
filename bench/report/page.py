"""Pieces of the page that are not figures: facts and tables as HTML, every word of a server escaped."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from bench.analyze import Miss, Part, StartsReport, Summary
from bench.report import words
from bench.report.facts import Fact, facts, grouped, head
from bench.report.start_words import start_words
from bench.report.table import Grid, latency_grid, parts, traffic_grid, worker_grid


@dataclass(frozen=True, slots=True)
class Html:
    """A piece of HTML that a notebook shows as such."""

    text: str

    def _repr_html_(self) -> str:
        return self.text

    def __add__(self, other: "Html") -> "Html":
        return Html(self.text + other.text)

    def __bool__(self) -> bool:
        return bool(self.text)


def title(text: str) -> Html:
    """The heading of a page."""
    return Html(f"<h1>{escape(text)}</h1>")


def section(text: str) -> Html:
    """The heading of a part of a page."""
    return Html(f"<h2>{escape(text)}</h2>")


def note(sentence: str, kind: str = "note") -> Html:
    """A paragraph; `kind` is a class of the template: note, good, bad, simulated."""
    return Html(f'<p class="{escape(kind)}">{_coded(sentence)}</p>')


def _coded(sentence: str) -> str:
    """Escaped, with what stands between backticks set apart."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(sentence))


def stack(pieces: Iterable[Html]) -> Html:
    """One below the other; false where there is none."""
    return Html("".join(piece.text for piece in pieces))


def either(there: object, piece: Callable[[], Html], otherwise: str = "No request was due.") -> Html:
    """The piece, or a sentence where it would show nothing."""
    return piece() if there else note(otherwise)


def listed(labelled: Iterable[Fact]) -> Html:
    """Labels and sentences as a definition list."""
    rows = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(text)}</dd></div>" for label, text in grouped(labelled)
    )
    return Html(f"<dl>{rows}</dl>")


def grid(table: Grid, *, linked: bool = False) -> Html:
    """A table of ours; scrolls inside itself where the screen is narrow.

    `linked`: the first cell of each row is the name of a folder beside the page.
    """
    kinds = ["name"] * table.names + ["number"] * (len(table.headings) - table.names)
    head_cells = "".join(
        f'<th scope="col" class="{kind}">{_broken(text)}</th>'
        for kind, text in zip(kinds, table.headings, strict=True)
    )
    rows = "".join(f"<tr>{_cells(row, table.names, linked)}</tr>" for row in table.rows)
    return Html(
        f'<div class="scroll" tabindex="0"><table><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head_cells}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _broken(heading: str) -> str:
    return escape(heading).replace("\n", "<br>")


def _cells(row: Sequence[str], names: int, linked: bool) -> str:
    said = [escape(cell) for cell in row[:names]]
    if linked:
        said[0] = f'<a href="{escape(quote(row[0]))}/">{said[0]}</a>'
    heads = "".join(f'<th scope="row">{cell}</th>' for cell in said)
    return heads + "".join(f"<td>{escape(cell)}</td>" for cell in row[names:])


def headline(summary: Summary, misses: list[Miss]) -> Html:
    """What a reader must know before the first number."""
    run = summary.run
    simulated = words.simulated(summary)
    about = note(run.description) if run.description else Html("")
    marker = note(simulated, "simulated") if simulated else Html("")
    return (
        title(run.scenario)
        + about
        + marker
        + _slo_result(summary, misses)
        + _state(summary)
        + listed([*(fact for fact in head(summary) if fact[0]), *facts(summary)])
    )


def sweep_headline(summaries: Sequence[Summary]) -> Html:
    """What was swept, and on what."""
    simulated = words.simulated(summaries[0])
    heading = title(f"{summaries[0].run.scenario}: {len(summaries)} rates")
    return (
        heading + (note(simulated, "simulated") if simulated else Html("")) + listed(head(summaries[0])[1:2])
    )


def _slo_result(summary: Summary, misses: list[Miss]) -> Html:
    if misses:
        return note(f"SLO missed: {'; '.join(map(str, misses))}.", "bad")
    if any(part.slo for part in summary.classes):
        return note("Every SLO of the scenario was met.", "good")
    return note("The error rate was within its limit; the scenario sets no SLO on latency.", "good")


def _state(summary: Summary) -> Html:
    tally = summary.overall.run
    if tally.scheduled and not tally.answered:
        return note(f"Not one of {tally.scheduled:,} requests was answered: {words.books(tally)}.", "bad")
    if not summary.overall.window.scheduled:
        return note("No request was due inside the measurement window, so nothing was measured.", "bad")
    if summary.verdict.judgement in {"invalid", "suspect"}:
        return note(
            f"The generator is {summary.verdict.judgement}: {'; '.join(summary.verdict.reasons)}.", "bad"
        )
    return Html("")


def starts_headline(report: StartsReport) -> Html:
    """What was started, how often, and whether it was real."""
    marker = note(words.no_gpu(report.simulation), "simulated") if report.simulated else Html("")
    said = start_words(report.from_workers)
    proven = "" if report.refused else f" {said.proven}"
    made = note(f"{report.made} of {report.planned} runs were made.{proven}")
    refused = stack(note(words.refused(one, report.from_workers), "bad") for one in report.refused)
    heading = title(f"{report.scenario}: {said.kind}")
    return heading + marker + made + stack(note(words.starts(lane)) for lane in report.lanes) + refused


def tables(summary: Summary) -> Html:
    """The two tables of the terminal."""
    return grid(traffic_grid(summary)) + grid(latency_grid(summary))


def per_worker(summary: Summary) -> Html:
    """What one live worker did, or why nobody can say."""
    table = worker_grid(summary)
    if table.rows:
        return grid(table)
    return note(
        "Rates per live worker: not told, or another profile answered, so there is nothing to divide."
    )


def rests_on(summary: Summary) -> Html:
    """For each row of the tables, what its latency quantiles rest on and who was left out."""
    spreads = [
        (_name(part), m, part.latencies[m]) for part in parts(summary) for m in ("ttft", "tpot", "e2e")
    ]
    rows = [
        (
            name,
            metric.upper(),
            words.counts(spread.left_out),
            words.number(spread.n),
            words.number(spread.larger),
        )
        for name, metric, spread in spreads
        if spread.n or spread.left_out
    ]
    headings = ("part", "metric", "left out", "ranked", "of them\nnever ended")
    return grid(Grid("What each quantile rests on", headings, 3, tuple(rows)))


def checks(summary: Summary) -> Html:
    """Each rule of validity: what was found, and what to do about it."""
    rows = [(one.rule, one.name, one.status, one.sentence, one.advice) for one in summary.validity]
    return grid(Grid("Validity", ("rule", "of", "status", "found", "advice"), 5, tuple(rows)))


def troubles(summary: Summary) -> Html:
    """Reasons, statuses and error codes over the whole run."""
    whole = summary.overall
    kinds: Mapping[str, Mapping[str, int]] = {
        "outcome": whole.run.outcomes,
        "reason": whole.reasons,
        "HTTP status": whole.statuses,
        "error code": whole.error_codes,
    }
    rows = [
        (kind, word, words.number(count))
        for kind, counted in kinds.items()
        for word, count in counted.items()
        if count
    ]
    return grid(Grid("Over the whole run", ("what", "which", "requests"), 2, tuple(rows)))


def lengths(summary: Summary) -> Html:
    """Mean tokens a request, asked and got."""
    rows = [
        (
            part.traffic_class or "",
            words.number(part.lengths.asked_in),
            words.number(part.lengths.got_in),
            words.number(part.lengths.asked_out),
            words.number(part.lengths.got_out),
        )
        for part in summary.classes
    ]
    headings = ("class", "input\nasked", "input\ngot", "output\nasked", "output\ngot")
    return grid(Grid("Mean tokens a request", headings, 1, tuple(rows)))


def _name(part: Part) -> str:
    return " on ".join(filter(None, (part.traffic_class or "all", part.profile)))

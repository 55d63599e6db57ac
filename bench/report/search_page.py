"""The page of a capacity search: what was found, on what it rests, and every run."""

from bench.analyze import SearchReport
from bench.report import page, searches
from bench.report.page import Html

RUNS = (
    "In the order in which they were made; each is a whole run folder beside this page, of which "
    "`bench report` makes a page of its own. Attainment is that of the class that is worst off, carried "
    "over to the target of the strictest."
)
MOODS = {"confirmed": "good", "inconclusive": "open", "invalid": "bad"}


def headline(report: SearchReport) -> Html:
    """The answers, and what must be known before they are used."""
    told, short = searches.unreal(report), searches.short_window(report.window_s)
    return (
        page.title(f"{report.scenario}: the highest rate that holds")
        + (page.note(told, "simulated") if told else Html(""))
        + page.stack(page.note(searches.answer(one), MOODS[one.outcome]) for one in report.profiles)
        + (page.note(f"NOT TO PLAN WITH: {short}.", "bad") if short else Html(""))
        + page.listed([("SLO", report.slo), ("target", _target(report))])
    )


def _target(report: SearchReport) -> str:
    return (
        f"{report.target:.4g} of all requests that were due must keep their SLO; a rate is confirmed where "
        "fresh runs show that with 95% confidence, and refuted where runs show the opposite"
    )

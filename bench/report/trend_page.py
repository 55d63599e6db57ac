"""The pieces of a page of histories: what moved, in words, and a section for each setting."""

from collections.abc import Sequence
from itertools import groupby

from bench.analyze.history import Setting
from bench.analyze.moved import Series
from bench.analyze.trend import TrendReport
from bench.report import page, trend_figures
from bench.report.figures import panels
from bench.report.page import Html
from bench.report.trend import trend_grid


def headline(report: TrendReport) -> Html:
    """What is new and worse, and how much there was to look at."""
    new, count = report.new, len(report.series)
    title, mood = _title(report)
    told = [one.sentence for one in new] or [report.sentence]
    facts = [
        ("runs", f"{report.runs} in {count} {'history' if count == 1 else 'histories'}"),
        ("new", f"a change with no more than {report.recent} points after it"),
        *(("not judged", reason) for reason in report.unjudged),
        *(
            ("moved before", change.sentence)
            for one in report.series
            for change in one.changes
            if change not in new
        ),
        *(("left out", f"{one.folder}: {'; '.join(one.reasons)}") for one in report.left_out),
    ]
    return page.title(title) + page.stack(page.note(text, mood) for text in told) + page.listed(facts)


def _title(report: TrendReport) -> tuple[str, str]:
    """The title and its mood: red, yellow and green are --strict's exit codes 1, 3 and 0."""
    if report.new:
        confirmed = any(one.state == "confirmed" for one in report.new)
        return "Something got worse", "bad" if confirmed else "open"
    if not report.told:
        return "Nothing can be told", "open"
    if report.unjudged:
        return "Not everything was judged", "open"
    return "Nothing new got worse", "good"


def histories(report: TrendReport) -> Html:
    """A section for each workload on each machine."""
    settings = groupby(report.series, key=lambda one: one.setting)
    return page.stack(_section(setting, list(series)) for setting, series in settings)


def _section(setting: Setting, series: Sequence[Series]) -> Html:
    where = f"{setting.model}, on {setting.machine} (workload {setting.workload})"
    drawn = [trend_figures.history(one) for one in series]
    return (
        page.section(setting.scenario)
        + page.note(where)
        + panels(drawn, _sentence(series), height_in=2.0)
        + page.grid(trend_grid(series))
    )


def _sentence(series: Sequence[Series]) -> str:
    moved = [one.name for one in series if one.changes]
    found = f"Here moved: {', '.join(moved)}." if moved else "Here nothing moved."
    return (
        "Each dot is a build (or a run that names none), oldest on the left. An upright line is where the "
        "metric moved, solid where five points or more confirm it, dotted while it is suspected; between the "
        f"lines stand the medians. {found} When it moved is not why: machines drift too, and pairs compare "
        "builds at one time."
    )

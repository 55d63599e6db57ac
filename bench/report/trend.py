"""The history of metrics: in the terminal, and as trend.json."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.baseline import spell
from bench.analyze.history import Setting
from bench.analyze.moved import Series
from bench.analyze.trend import TrendReport
from bench.record import replace
from bench.report import words
from bench.report.table import Grid, table

BARS = "▁▂▃▄▅▆▇█"
WIDEST = 24


def write_trend(file: Path, report: TrendReport) -> Path:
    """Leave the report as JSON."""
    replace(file, report.to_json())
    return file


def render_trend(report: TrendReport) -> RenderableType:
    """The sentence, a table for each setting, every change with its place, and what was left out."""
    settings = groupby(report.series, key=lambda one: one.setting)
    return Group(
        Text(report.sentence[0].upper() + report.sentence[1:]),
        *(_setting(setting, list(series)) for setting, series in settings),
        Text(_LEGEND),
        *(Text(f"not judged: {reason}") for reason in report.unjudged),
        *(Text(f"left out: {one.folder}: {'; '.join(one.reasons)}") for one in report.left_out),
    )


_LEGEND = (
    'last points: low to high, the newest on the right; p: of "it never moved"; a change is confirmed by '
    "five points after it, and suspected until then. When it moved is not why: machines drift too, and "
    "`bench ab` compares builds at one time"
)


def _setting(setting: Setting, series: Sequence[Series]) -> RenderableType:
    changes = [f"  {change.sentence}" for one in series for change in one.changes]
    return Group(Text(), Text(spell(setting)), table(trend_grid(series)), *map(Text, changes), Text())


def trend_grid(series: Sequence[Series]) -> Grid:
    """One row a metric."""
    rows = [
        (
            one.name,
            str(len(one.points)),
            words.in_unit(one.points[0].value, one.unit),
            words.in_unit(one.points[-1].value, one.unit),
            sparkline([point.value for point in one.points[-WIDEST:]]),
            "-" if one.p is None else f"{one.p:.3f}",
            ", ".join(f"{change.state} {100 * change.change:+.1f}" for change in one.changes) or "none",
        )
        for one in series
    ]
    headings = ("metric", "points", "first", "last", "last points", "p", "changes\n% worse")
    return Grid("History", headings, 1, tuple(rows))


def sparkline(values: Sequence[float]) -> str:
    """A bar a value, from the least of them to the largest."""
    low, high = min(values), max(values)
    steps = [(value - low) / (high - low) if high > low else 0.5 for value in values]
    return "".join(BARS[min(len(BARS) - 1, int(step * len(BARS)))] for step in steps)

"""The figures of the notebooks: drawn twice, wide for desktop and print, narrow for a phone.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; profiles differ by line style as well.
Text stays text in the SVG, so that it has the page's own typeface.
"""

import base64
import io
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.analyze import LaneStarts, RateRow, Window
from bench.report.page import Html
from bench.report.start_words import start_words

TYPEFACE = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"

BLUE, SKY, GREEN, ORANGE, RED, PINK, YELLOW, BLACK = (
    "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442", "#222222",
)  # fmt: skip
GREY = "#8A8A8A"
CLASS_COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK)
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "^", "s", "D")
RASTER_ABOVE = 2000
"""Dots of a class beyond which they are drawn as pixels: a hundred thousand shapes stall a browser."""
OUTCOME_COLOURS = {
    "ok": BLUE,
    "degraded": SKY,
    "refused": ORANGE,
    "failed": RED,
    "timed_out": PINK,
    "truncated": YELLOW,
    "cancelled": GREEN,
    "unfinished": BLACK,
    "not_sent": GREY,
}

_WIDE_IN, _NARROW_IN = 9.2, 4.0
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "poolbench",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}

Draw = Callable[[Axes], None]
Curves = Mapping[tuple[str, str | None], pd.DataFrame]


def figure(draw: Draw, sentence: str, height_in: float = 3.4) -> Html:
    """An HTML figure with the sentence that says what to see."""
    return _shown(lambda width_in, legend: _svg([draw], width_in, height_in, 1, legend), sentence)


def panels(draws: Sequence[Draw], sentence: str, height_in: float = 1.7, columns: int = 2) -> Html:
    """Several drawings in one figure, in `columns` on a desktop and one below the other on a phone."""

    def svg(width_in: float, legend: int) -> str:
        across = min(columns, len(draws)) if width_in == _WIDE_IN else 1
        return _svg(draws, width_in, height_in * math.ceil(len(draws) / across) + 0.5, across, legend)

    return _shown(svg, sentence)


def _shown(svg: Callable[[float, int], str], sentence: str) -> Html:
    wide, narrow = svg(_WIDE_IN, 4), svg(_NARROW_IN, 2)
    return Html(
        f"<figure><figcaption>{escape(sentence)}</figcaption><picture>"
        f'<source media="(max-width: 600px)" srcset="{narrow}">'
        f'<img src="{wide}" alt="{escape(sentence)}"></picture></figure>'
    )


def _svg(draws: Sequence[Draw], width_in: float, height_in: float, across: int, legend_columns: int) -> str:
    with rc_context(STYLE):
        drawing = Figure(figsize=(width_in, height_in), layout="constrained")
        grid = drawing.subplots(math.ceil(len(draws) / across), across, squeeze=False).flatten()
        for draw, axes in zip(draws, grid, strict=False):
            draw(axes)
        for axes in grid[len(draws) :]:
            axes.set_axis_off()
        named = {
            label: line
            for axes in grid
            for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        if named:
            drawing.legend(named.values(), named, loc="outside lower left", ncols=legend_columns, fontsize=9,
                           markerscale=1.5)  # fmt: skip
        text = io.StringIO()
        drawing.savefig(text, format="svg", dpi=150, metadata={"Date": None, "Creator": None})
    svg = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", rf"font: \1{TYPEFACE}", text.getvalue())
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def is_narrow(axes: Axes) -> bool:
    """Whether it is drawn for a phone."""
    drawing = axes.get_figure(root=True)
    return drawing is not None and bool(drawing.get_size_inches()[0] < _WIDE_IN)


@dataclass(frozen=True, slots=True)
class Look:
    """The same colour for a class, the same line and marker for a profile, in every figure of a page."""

    classes: tuple[str, ...]
    profiles: tuple[str, ...]

    @classmethod
    def of(cls, requests: pd.DataFrame) -> "Look":
        """In the order of the words in the frame's categories."""
        return cls(*(tuple(requests[name].cat.categories) for name in ("traffic_class", "profile")))

    def colour(self, name: str) -> str:
        """Of a class."""
        return CLASS_COLOURS[self.classes.index(name) % len(CLASS_COLOURS)]

    def line(self, profile: str | None) -> str:
        """Of a profile."""
        return LINES[self._number(profile) % len(LINES)]

    def marker(self, profile: str | None) -> str:
        """Of a profile."""
        return MARKERS[self._number(profile) % len(MARKERS)]

    def _number(self, profile: str | None) -> int:
        return self.profiles.index(profile) if profile else 0


def _label(name: str, profile: str | None) -> str:
    return f"{name}, {profile}" if profile else name


def _shade_warmup(axes: Axes, window: Window) -> None:
    if window.start_s > 0:
        axes.axvspan(
            0, window.start_s, color="#DDDDDD", alpha=0.6, linewidth=0, label="warm-up, not measured"
        )


def latency_over_time(points: pd.DataFrame, look: Look, window: Window, metric: str) -> Draw:
    """A dot a request at its scheduled instant."""

    def draw(axes: Axes) -> None:
        _shade_warmup(axes, window)
        for (name, profile), rows in points.groupby(
            ["traffic_class", "profile"], observed=True, dropna=False
        ):
            lane = profile if isinstance(profile, str) else None
            axes.scatter(rows["scheduled_s"], rows["value_s"] * 1000, s=9, alpha=0.6, linewidths=0,
                         color=look.colour(str(name)), marker=look.marker(lane),
                         label=_label(str(name), lane), rasterized=len(rows) > RASTER_ABOVE)  # fmt: skip
        axes.set(xlabel="scheduled instant (s from the start)", ylabel=f"{metric} (ms)", yscale="log")
        plain_ticks(axes, "y")

    return draw


def distributions(curves: Curves, look: Look, metric: str) -> Draw:
    """Share of requests at or below each latency, a line for each class and profile."""

    def draw(axes: Axes) -> None:
        for (name, profile), curve in curves.items():
            axes.step(curve["value_s"] * 1000, curve["share"], where="post", label=_label(name, profile),
                      color=look.colour(name), linestyle=look.line(profile))  # fmt: skip
        axes.set(
            xlabel=f"{metric} (ms, logarithmic)", ylabel="share of requests", xscale="log", ylim=(0, 1.02)
        )
        plain_ticks(axes, "x")

    return draw


def outcomes(over_time: pd.DataFrame, window: Window) -> Draw:
    """Stacked requests per second by what became of them."""

    def draw(axes: Axes) -> None:
        _shade_warmup(axes, window)
        seen = over_time.loc[:, over_time.sum() > 0]
        labels = [word.replace("_", " ") for word in seen.columns]
        axes.stackplot(seen.index, seen.to_numpy().T, step="post", linewidth=0, labels=labels,
                       colors=[OUTCOME_COLOURS[word] for word in seen.columns])  # fmt: skip
        axes.set(xlabel="scheduled instant (s from the start)", ylabel="requests per s")

    return draw


def rates(over_time: pd.DataFrame, window: Window) -> Draw:
    """Scheduled, sent and answered requests per second."""

    def draw(axes: Axes) -> None:
        _shade_warmup(axes, window)
        for name, colour, line, width in (
            ("scheduled", GREY, "-", 4.0), ("sent", BLUE, "-", 1.4), ("completed", RED, "--", 1.4)
        ):  # fmt: skip
            axes.step(over_time.index, over_time[name], where="post", color=colour, linestyle=line,
                      linewidth=width, label=name)  # fmt: skip
        axes.set(xlabel="time (s from the start)", ylabel="requests per s", ylim=(0, None))

    return draw


def workers(over_time: pd.DataFrame, window: Window) -> Draw:
    """Live workers of each machine profile, each change marked: a loss of one in many is a small step."""

    def draw(axes: Axes) -> None:
        _shade_warmup(axes, window)
        for profile, colour, line in zip(
            over_time.columns, itertools.cycle(CLASS_COLOURS), itertools.cycle(LINES), strict=False
        ):
            axes.step(over_time.index, over_time[profile], where="post", color=colour, linestyle=line,
                      linewidth=2, label=str(profile))  # fmt: skip
        _mark_changes(axes, over_time)
        axes.set(xlabel="time (s from the start)", ylabel="live workers", ylim=(0, None))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))

    return draw


def _mark_changes(axes: Axes, over_time: pd.DataFrame) -> None:
    for label, colour, marker, sign in (("came", GREEN, "^", 1), ("left", RED, "v", -1)):
        for profile, counts in over_time.items():
            changed = counts[sign * counts.diff() > 0]
            if len(changed):
                axes.plot(changed.index, changed, color=colour, marker=marker, linestyle="", label=label,
                          clip_on=False, gid=f"{profile} {label}")  # fmt: skip


def throughput(rows: Sequence[RateRow], metric: str) -> Draw:
    """Latency against the completed rate, a point a run, joined in the order of the rate asked."""

    def draw(axes: Axes) -> None:
        for level, colour, line in (("p50", BLUE, "-"), ("p95", RED, "--")):
            found = [(row.completed_rate, getattr(row, f"{metric}_{level}")) for row in rows]
            known = [(rate, quantile.value * 1000) for rate, quantile in found if quantile.printable]
            if known:
                label = f"{metric.upper()} {level}"
                axes.plot(*zip(*known, strict=True), marker="o", color=colour, linestyle=line, label=label)
        axes.set(xlabel="completed requests per s", ylabel=f"{metric.upper()} (ms)", yscale="log")
        plain_ticks(axes, "y")

    return draw


def cold_starts(lane: LaneStarts) -> Draw:
    """The share of starts that took no longer: its curve, and what is assured with 95 % confidence."""
    since = start_words(lane.from_workers).since
    ended = [step for step in lane.curve if step.high_s is not None]
    end_s = 1.05 * max(step.high_s or step.low_s for step in lane.curve)
    lines = (
        ("at the earliest", SKY, "-", [(step.low_s, step.started) for step in ended]),
        ("at the latest", BLUE, "-", [(step.high_s or 0.0, step.started) for step in ended]),
        ("assured with 95% confidence", RED, "--", [(one.end_s, one.share) for one in lane.assured]),
    )

    def draw(axes: Axes) -> None:
        for name, colour, line, rises in lines:
            at_s, shares = [0.0, *(at for at, _ in rises), end_s], [0.0, *(share for _, share in rises)]
            axes.step(at_s, [*shares, shares[-1]], where="post", color=colour, linestyle=line,
                      linewidth=1.8, label=name)  # fmt: skip
        axes.set(xlabel=f"time since {since} (s)", ylabel="share of starts that had ended",
                 xlim=(0, end_s), ylim=(0, 1.02))  # fmt: skip

    return draw


def plain_ticks(axes: Axes, which: str) -> None:
    """10, 20, 50, 100 instead of powers of ten; round numbers where the axis spans less than a power."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0)) if high > 10 * low else MaxNLocator(4, steps=[1, 2, 5, 10])
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())

"""The figures of experiments of pairs. Changes are in percent (points of a share), positive is worse.

What is compared with a margin is drawn in margins, so that metrics with different ones share an axis.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.analyze.gate import LEVELS, SHARES, Evidence, MetricVerdict, NoiseReport
from bench.report.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LINES,
    ORANGE,
    PINK,
    RED,
    SKY,
    Draw,
    is_narrow,
    plain_ticks,
)

VERDICTS: Mapping[str, tuple[str, str]] = {
    "PASS": (BLUE, "o"),
    "FAIL": (RED, "s"),
    "INCONCLUSIVE": (BLACK, "D"),
}
ARMS: Mapping[str, tuple[str, str]] = {"baseline": (BLUE, "-"), "candidate": (RED, "--")}
COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK, GREY)
_LEAST_REACH, _MOST_REACH = 1.6, 6.0


def forest(metrics: Sequence[MetricVerdict]) -> Draw:
    """A row a metric: the mean change and its interval, in margins; the margin itself is 1."""
    known = [metric for metric in metrics if metric.change is not None]

    def draw(axes: Axes) -> None:
        places = range(len(known), 0, -1)
        reach = _reach(known)
        axes.axvline(0, color=GREY, linewidth=1)
        axes.axvline(1, color=BLACK, linestyle="--", linewidth=1.4, label="the margin")
        for place, metric in zip(places, known, strict=True):
            _row(axes, place, metric, reach)
        axes.set_yticks(list(places), [_row_label(metric, is_narrow(axes)) for metric in known], fontsize=9)
        axes.set(
            xlim=(-reach, reach), ylim=(0.4, len(known) + 0.6), xlabel="change in margins, right is worse"
        )
        axes.grid(visible=False, axis="y")

    return draw


def _reach(metrics: Sequence[MetricVerdict]) -> float:
    """Wide enough for the gating intervals, as far as a reader can still see the margin."""
    ends = [
        abs(end or 0.0) / m.margin for m in metrics if m.role == "gating" for end in (m.low, m.high, m.change)
    ]
    return float(np.clip(1.15 * max(ends, default=0.0), _LEAST_REACH, _MOST_REACH))


def _row(axes: Axes, place: int, metric: MetricVerdict, reach: float) -> None:
    colour, marker = VERDICTS[metric.verdict]
    low, change, high = (
        float(value or 0.0) / metric.margin for value in (metric.low, metric.change, metric.high)
    )
    faint = 0.45 if metric.role == "watch" else 1.0
    axes.plot([max(low, -reach), min(high, reach)], [place, place], color=colour, linewidth=2.4, alpha=faint)
    for end, at, arrow in ((low < -reach, -reach, "<"), (high > reach, reach, ">")):
        if end:
            axes.plot([at], [place], marker=arrow, color=colour, alpha=faint, clip_on=False, linestyle="none")
    if abs(change) <= reach:
        label = metric.verdict if metric.role == "gating" else "only watched"
        axes.plot(
            [change],
            [place],
            marker=marker,
            color=colour,
            markersize=7,
            linestyle="none",
            label=label,
            markerfacecolor="white" if metric.role == "watch" else colour,
        )


def _row_label(metric: MetricVerdict, narrow: bool) -> str:
    unit = " pt" if metric.unit == "share" else "%"
    change, margin = f"{100 * (metric.change or 0.0):+.1f}{unit}", f"{100 * metric.margin:g}{unit}"
    return f"{metric.name}{chr(10) if narrow else '   '}{change} of {margin}"


def in_order(changes: pd.Series, baseline_first: Sequence[bool], margin: float | None = None) -> Draw:
    """A dot a pair, by the arm that ran first."""
    unit = "points" if str(changes.name).rpartition(":")[2] in SHARES else "%"

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=GREY, linewidth=1)
        if margin is not None:
            axes.axhline(100 * margin, color=BLACK, linestyle="--", linewidth=1.2, label="the margin")
        first = np.array(baseline_first, dtype=bool)
        axes.plot(changes.index, 100 * changes, color=GREY, linewidth=0.8)
        for which, name, colour, marker in (
            (first, "baseline ran first", BLUE, "o"), (~first, "candidate ran first", ORANGE, "^")
        ):  # fmt: skip
            axes.plot(changes.index[which], 100 * changes[which], color=colour, marker=marker, markersize=6,
                      linestyle="none", label=name)  # fmt: skip
        axes.set_title(str(changes.name), fontsize=10, loc="left")
        axes.set(xlabel="pair", ylabel=f"worse by ({unit})")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.2)

    return draw


def shifted(curve: pd.DataFrame, metric: str) -> Draw:
    """The change at each quantile with its band."""

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=GREY, linewidth=1)
        levels = 100 * curve.index
        axes.fill_between(levels, 100 * curve["low"], 100 * curve["high"], color=SKY, alpha=0.35, linewidth=0,
                          label="its interval")  # fmt: skip
        axes.plot(levels, 100 * curve["change"], color=BLUE, linewidth=2, label="mean change over the pairs")
        axes.set_title(metric.upper(), fontsize=10, loc="left")
        axes.set(xlabel="quantile (%)", ylabel="worse by (%)", xlim=(0, 100))

    return draw


def spread_of_runs(evidence: Sequence[Evidence], metric: str) -> Draw:
    """The distribution of each run, coloured by its arm."""

    def draw(axes: Axes) -> None:
        for one in evidence:
            colour, line = ARMS[one.arm]
            axes.plot(1000 * one.curves[metric], LEVELS, color=colour, linestyle=line, linewidth=1, alpha=0.6,
                      label=one.arm)  # fmt: skip
        axes.set_title(metric.upper(), fontsize=10, loc="left")
        axes.set(
            xlabel=f"{metric.upper()} (ms, logarithmic)",
            ylabel="share of requests",
            xscale="log",
            ylim=(0, 1.02),
        )
        plain_ticks(axes, "x")

    return draw


def power(visible: pd.DataFrame, looks: Sequence[int]) -> Draw:
    """What each number of pairs would see, in margins; the looks are marked."""

    def draw(axes: Axes) -> None:
        axes.axhline(1, color=BLACK, linestyle="--", linewidth=1.4, label="the margin")
        for look in looks:
            axes.axvline(look, color=GREY, linestyle=":", linewidth=1.2, label="a look")
        for number, name in enumerate(visible.columns):
            axes.plot(visible.index, visible[name], color=COLOURS[number % len(COLOURS)], linewidth=1.8,
                      linestyle=LINES[number % len(LINES)], label=str(name))  # fmt: skip
        axes.set(xlabel="pairs", ylabel="change it sees (margins)", yscale="log")
        plain_ticks(axes, "y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return draw


def noise(report: NoiseReport) -> Draw:
    """A row a metric: the change that each look sees, in margins, as the spread and its interval have it."""

    def draw(axes: Axes) -> None:
        places = range(len(report.metrics), 0, -1)
        axes.axvline(1, color=BLACK, linestyle="--", linewidth=1.4, label="the margin")
        for place, one in zip(places, report.metrics, strict=True):
            for number, (look, seen) in enumerate(zip(report.looks, one.visible_changes, strict=True)):
                at, colour = place + 0.18 - 0.36 * number / max(1, len(report.looks) - 1), COLOURS[number]
                ends = [seen * end / one.spread / one.margin for end in (one.spread_low, one.spread_high)]
                axes.plot(ends, [at, at], color=colour, linewidth=2.2)
                axes.plot([seen / one.margin], [at], color=colour, marker="osDv"[number], linestyle="none",
                          markersize=6, label=f"seen with {look} pairs")  # fmt: skip
        axes.set_yticks(
            list(places), [f"{one.name}   {100 * one.spread:.2g}%" for one in report.metrics], fontsize=9
        )
        axes.set(
            xlabel="smallest change seen (margins)",
            xscale="log",
            ylim=(0.4, len(report.metrics) + 0.6),
        )
        plain_ticks(axes, "x")
        axes.grid(visible=False, axis="y")

    return draw


def normal(points: pd.DataFrame, metric: str) -> Draw:
    """The differences against those of a normal distribution."""

    def draw(axes: Axes) -> None:
        reach = 1.1 * max(2.0, float(points.abs().max().max()))
        axes.plot([-reach, reach], [-reach, reach], color=GREY, linewidth=1, label="a normal distribution")
        axes.plot(points["expected"], points["found"], color=BLUE, marker="o", linestyle="none", markersize=5)
        axes.set_title(metric, fontsize=10, loc="left")
        axes.set(
            xlabel="expected (standard deviations)",
            ylabel="found",
            xlim=(-reach, reach),
            ylim=(-reach, reach),
        )

    return draw

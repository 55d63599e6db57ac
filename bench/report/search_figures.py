"""The figure of a capacity search: attainment against rate, run by run, and where it ended."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.analyze import RunPoint, Searched
from bench.report import words
from bench.report.figures import BLACK, BLUE, GREEN, GREY, ORANGE, RED, Draw

_MARKS = {"bisect": (ORANGE, "o", "bisection run"), "confirm": (BLUE, "s", "confirming run")}
_NEAR = 0.06
"""How far around confirmed and refuted the second panel goes, as a share of the rate."""


def curves(found: Searched, target: float) -> list[Draw]:
    """All runs; and those around the target, where there are some."""
    drawn = [_whole(found, target)]
    return [*drawn, _near(found, target)] if _span(found) else drawn


def _whole(found: Searched, target: float) -> Draw:
    def draw(axes: Axes) -> None:
        _runs(axes, found, target)
        _ends(axes, found)
        served = [run.rate_per_s for run in found.runs if run.stage == "ceiling" and run.rate_per_s]
        for rate in served[-1:]:
            axes.axvline(rate, color=GREY, linestyle=(0, (1, 3)), linewidth=1.4,
                         label="served at the ceiling")  # fmt: skip
        axes.set(xlim=(0, 1.04 * max(run.rate_per_s for run in found.runs)), ylim=(-0.03, 1.03))

    return draw


def _near(found: Searched, target: float) -> Draw:
    low, high = _span(found) or (0.0, 1.0)
    inside = [run for run in _counted(found) if low <= run.rate_per_s <= high]
    lowest = min([target, *(run.attainment for run in inside if run.attainment > target - 0.3)])

    def draw(axes: Axes) -> None:
        _runs(axes, found, target)
        _ends(axes, found)
        axes.set(xlim=(low, high), ylim=(lowest - 0.02, 1 + 0.05 * (1.02 - lowest)))
        axes.xaxis.set_major_locator(MaxNLocator(5))

    return draw


def _span(found: Searched) -> tuple[float, float] | None:
    """Rates around what was confirmed, estimated and refuted."""
    rates = [found.confirmed_per_s, found.estimate_per_s, found.refuted_per_s]
    known = [rate for rate in rates if rate]
    return (min(known) * (1 - _NEAR), max(known) * (1 + _NEAR)) if known else None


def _counted(found: Searched) -> Sequence[RunPoint]:
    return [run for run in found.runs if run.stage != "ceiling"]


def _runs(axes: Axes, found: Searched, target: float) -> None:
    """The marks, the fit and the target; axes for the pool below, and for a replica above."""
    axes.axhline(target, color=BLACK, linewidth=1, linestyle=":", label=f"target {target:.4g}")
    axes.plot([p.rate_per_s for p in found.fit], [p.attainment for p in found.fit], color=GREY, linewidth=2,
              label="isotonic fit")  # fmt: skip
    for stage, (colour, marker, label) in _MARKS.items():
        some = [run for run in _counted(found) if run.stage == stage and run.valid]
        axes.plot([run.rate_per_s for run in some], [run.attainment for run in some], marker,
                  markerfacecolor="none", color=colour, markersize=6, markeredgewidth=1.4,
                  label=label)  # fmt: skip
    lost = [run for run in _counted(found) if not run.valid]
    if lost:
        axes.plot([run.rate_per_s for run in lost], [run.attainment for run in lost], "x", color=BLACK,
                  label="does not count")  # fmt: skip
    axes.set(xlabel="requests/s of the pool", ylabel="share that kept the SLO")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    if found.replicas > 1:
        count = found.replicas
        scales = (lambda rate: np.asarray(rate) / count, lambda rate: np.asarray(rate) * count)
        above = axes.secondary_xaxis("top", functions=scales)
        above.set_xlabel("requests/s of one replica")


def _ends(axes: Axes, found: Searched) -> None:
    """What was found, as lines across; each with a dash of its own."""
    for name, rate, colour, line in (
        ("confirmed", found.confirmed_per_s, GREEN, "-"),
        ("estimate", found.estimate_per_s, ORANGE, "-."),
        ("refuted", found.refuted_per_s, RED, "--"),
    ):  # fmt: skip
        if rate is not None:
            axes.axvline(rate, color=colour, linestyle=line, linewidth=1.8,
                         label=f"{name} {words.digits(rate)}/s")  # fmt: skip

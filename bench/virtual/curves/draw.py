"""The curves of one model as a figure: profiles beside each other, what is uncertain as a band."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.virtual.curves.points import Point

Curves = tuple[Sequence[Point], Sequence[Point], Sequence[Point]]
"""As the profile says, and with a lower and a higher compute efficiency."""

_COLOURS = {"l4": "#0072B2", "a100-40gb": "#D55E00"}
_MARKERS = {"l4": "o", "a100-40gb": "s"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "poolbench",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
_PANELS = (
    ("ttft_p50_s", "ttft_p95_s", "TTFT, ms", 1e3),
    ("tpot_p50_s", "tpot_p95_s", "TPOT, ms", 1e3),
    ("output_per_s", "", "output tokens/s", 1.0),
)


def draw(model: str, curves: Sequence[Curves], file: Path) -> None:
    """Write the figure of one model."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        for axes, (middle, tail, label, factor) in zip(figure.subplots(1, 3), _PANELS, strict=True):
            for triple in curves:
                _curve(axes, triple, middle, factor, "-")
                if tail:
                    _curve(axes, triple, tail, factor, ":")
            _label(axes, label)
        figure.suptitle(f"{model}, one worker, simulated")
        figure.axes[0].legend(*_legend(figure.axes[0]), fontsize=9)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def _curve(axes: Axes, curves: Curves, name: str, factor: float, line: str) -> None:
    profile = curves[0][0].profile
    rates = [point.rate_per_s for point in curves[0]]
    as_is, less, more = (_finite([getattr(point, name) * factor for point in points]) for points in curves)
    tail = line == ":"
    axes.fill_between(rates, less, more, color=_COLOURS[profile], alpha=0.15, linewidth=0)
    axes.plot(
        rates,
        as_is,
        line,
        color=_COLOURS[profile],
        marker=None if tail else _MARKERS[profile],
        markersize=4,
        label=f"{profile}, {'p95' if tail else 'p50'}",
    )


def _finite(values: Sequence[float]) -> list[float]:
    return [value if np.isfinite(value) else np.nan for value in values]


def _legend(axes: Axes) -> tuple[list[Any], list[Any]]:
    handles, labels = axes.get_legend_handles_labels()
    return list(handles), list(labels)


def _label(axes: Axes, label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if label.startswith("TPOT"):
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("requests/s")
    axes.set_title(label, loc="left", fontsize=10)

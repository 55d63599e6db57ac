"""The figures of a history: each metric through time, with the places at which it moved."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.analyze.moved import Change, Series
from bench.report.figures import BLACK, BLUE, GREEN, GREY, RED, Draw

SCALES = {"s": (1000.0, "ms"), "share": (100.0, "%")}
WORDS = {"worse": RED, "better": GREEN}


def history(series: Series) -> Draw:
    """A dot a point, oldest first; a line where it moved, and the median of each stretch between."""
    scale, unit = SCALES.get(series.unit, (1.0, series.unit))

    def draw(axes: Axes) -> None:
        places = range(1, len(series.points) + 1)
        values = [scale * point.value for point in series.points]
        axes.plot(
            places, values, color=BLUE, marker="o", markersize=4, linewidth=0.8, label="a build, or a run"
        )
        start = 0
        for change in series.changes:
            at = start + change.points_before
            _moved(axes, change, at)
            _level(axes, start, at, scale * change.before)
            start = at
        if series.changes:
            _level(axes, start, len(values), scale * series.changes[-1].after)
        axes.set_title(series.name, fontsize=10, loc="left")
        axes.set(
            xlabel="points, oldest first", ylabel=f"{series.name.partition(':')[2] or series.name} ({unit})"
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.2)

    return draw


def _moved(axes: Axes, change: Change, at: int) -> None:
    line = "-" if change.state == "confirmed" else ":"
    axes.axvline(at + 0.5, color=WORDS[change.direction], linestyle=line, linewidth=1.6,
                 label=f"{change.direction}, {change.state}")  # fmt: skip


def _level(axes: Axes, start: int, end: int, value: float) -> None:
    axes.plot(
        [start + 0.6, end + 0.4], [value, value], color=BLACK, linewidth=1.6, label="median between changes"
    )
    axes.axhline(value, color=GREY, linewidth=0.4, alpha=0.5)

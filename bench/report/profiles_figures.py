"""The figures of a comparison of profiles. A profile has one colour, line and marker on the whole page."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from bench.analyze.profiles import Compared, Point, ProfilesReport, RatioOf
from bench.report.figures import (
    BLACK,
    BLUE,
    CLASS_COLOURS,
    GREY,
    LINES,
    MARKERS,
    RED,
    Draw,
    is_narrow,
    plain_ticks,
)

VERDICTS = {"better": (BLUE, "o"), "worse": (RED, "s"), "not separable": (BLACK, "D")}
_OPEN = 1.25
"""An end that is not known is drawn so many times as far as the last that is."""


def forest(one: Compared) -> Draw:
    """A row a number: the ratio to the reference with its interval; 1 is no difference."""
    known = [ratio for ratio in one.ratios if ratio.ratio is not None]

    def draw(axes: Axes) -> None:
        axes.axvline(1, color=GREY, linewidth=1.4)
        for place, ratio in zip(range(len(known), 0, -1), known, strict=True):
            _row(axes, place, ratio)
        axes.set_yticks(list(range(len(known), 0, -1)), [ratio.name for ratio in known], fontsize=9)
        axes.set_title(f"{one.profile} / {one.reference}, equal {one.condition}", fontsize=9,
                       loc="right" if is_narrow(axes) else "left")  # fmt: skip
        axes.set(xlabel="ratio (logarithmic)", xscale="log", ylim=(0.4, len(known) + 0.6))
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.8), max(high, 1.25))
        plain_ticks(axes, "x")
        axes.grid(visible=False, axis="y")

    return draw


def _row(axes: Axes, place: int, ratio: RatioOf) -> None:
    colour, marker = VERDICTS[ratio.verdict]
    axes.plot([ratio.low or 0, ratio.high or 0], [place, place], color=colour, linewidth=2.4)
    axes.plot([ratio.ratio or 0], [place], color=colour, marker=marker, markersize=7, linestyle="none",
              markerfacecolor="white" if ratio.verdict == "not separable" else colour,
              label=ratio.verdict)  # fmt: skip


def sustained(report: ProfilesReport, *, cost: bool) -> Draw:
    """A row a profile: between what is confirmed and what is refuted, as a rate or as a cost."""
    rows = [
        (
            one.profile,
            (one.per_million, one.per_million_low) if cost else (one.confirmed_per_s, one.refuted_per_s),
        )
        for one in report.sustained
    ]
    unit = f"{report.currency} for 1M {report.unit}" if cost else "requests/s of one replica"

    def draw(axes: Axes) -> None:
        for place, (name, (confirmed, refuted)) in zip(range(len(rows), 0, -1), rows, strict=True):
            colour, _, marker = _look(report, name)
            _interval(axes, place, confirmed, refuted, (colour, marker), opens=not cost)
        axes.set_yticks(list(range(len(rows), 0, -1)), [name for name, _ in rows])
        axes.margins(x=0.08)
        axes.set(xlabel=unit, xlim=(0, None), ylim=(0.4, len(rows) + 0.6))
        axes.grid(visible=False, axis="y")

    return draw


def _interval(
    axes: Axes, place: float, confirmed: float, refuted: float | None, look: tuple[str, str], *, opens: bool
) -> None:
    """From the confirmed end (a mark) to the refuted one; an open end is an arrow."""
    colour, marker = look
    end = refuted if refuted is not None else confirmed * (_OPEN if opens else 1 / _OPEN)
    axes.plot([confirmed, end], [place, place], color=colour, linewidth=3)
    axes.plot([confirmed], [place], color=colour, marker=marker, markersize=8, linestyle="none")
    tip = "|" if refuted is not None else ">" if opens else "<"
    axes.plot([end], [place], color=colour, marker=tip, markersize=12, markeredgewidth=2, linestyle="none")


def _look(report: ProfilesReport, profile: str) -> tuple[str, str, str]:
    number = [one.profile for one in report.sustained].index(profile)
    return (
        CLASS_COLOURS[number % len(CLASS_COLOURS)],
        LINES[number % len(LINES)],
        MARKERS[number % len(MARKERS)],
    )


def turning(report: ProfilesReport, place: int) -> Draw:
    """The cost of a million on both profiles, by the price of the one that is compared."""
    one = report.equal_slo[place]
    mine = next(each for each in report.sustained if each.profile == one.profile)
    base = next(each for each in report.sustained if each.profile == report.reference)
    prices = [mine.per_hour, one.break_even_per_hour, one.break_even_low, one.break_even_high]
    most = 1.25 * max(price for price in prices if price is not None)

    def draw(axes: Axes) -> None:
        for each, slope in ((base, False), (mine, True)):
            colour, line, _ = _look(report, each.profile)
            ends = [0.0 if slope else 1.0, most / each.per_hour if slope else 1.0]
            costs = [part * each.per_million for part in ends]
            axes.plot([0, most], costs, color=colour, linestyle=line, linewidth=2, label=each.profile)
            if each.per_million_low is not None:
                low = [part * each.per_million_low for part in ends]
                axes.fill_between([0, most], low, costs, color=colour, alpha=0.2, linewidth=0)
        if one.break_even_low is not None and one.break_even_high is not None:
            axes.axvspan(one.break_even_low, one.break_even_high, color="#DDDDDD", alpha=0.7, linewidth=0,
                         label="the ranking turns in here")  # fmt: skip
        axes.axvline(mine.per_hour, color=BLACK, linestyle="--", linewidth=1.4, label="its price now")
        axes.set(xlabel=f"price of {one.profile} ({report.currency}/h)", xlim=(0, most), ylim=(0, None),
                 ylabel=f"{report.currency} for 1M {report.unit}")  # fmt: skip

    return draw


def pareto(report: ProfilesReport) -> Draw:
    """Interactivity against cost, a mark a point with its bars, a faint dot a run."""

    def draw(axes: Axes) -> None:
        for point in report.pareto:
            _point(axes, report, point)
        axes.set(xlabel="tokens/s that one user sees (1 / TPOT p50)",
                 ylabel=f"{report.currency} for 1M output tokens")  # fmt: skip
        axes.margins(0.15)
        axes.set_xlim(0, None)
        axes.set_ylim(0, None)

    return draw


def _point(axes: Axes, report: ProfilesReport, point: Point) -> None:
    colour, _, marker = _look(report, point.profile)
    speeds, costs = zip(*point.each, strict=True)
    axes.plot(speeds, costs, color=colour, marker=".", linestyle="none", alpha=0.35)
    x, y = point.tokens_per_s, point.per_million
    axes.plot([point.tokens_per_s_low, point.tokens_per_s_high], [y, y], color=colour, linewidth=1.6)
    axes.plot([x, x], [point.per_million_low, point.per_million_high], color=colour, linewidth=1.6)
    axes.plot([x], [y], color=colour, marker=marker, markersize=9, linestyle="none", label=point.profile,
              markerfacecolor="white" if point.standing == "dominated" else colour)  # fmt: skip
    axes.annotate(f"{point.rate_per_s:.3g}/s", (x, y), (7, 7), textcoords="offset points", fontsize=9)


def limits(report: ProfilesReport) -> Draw:
    """The cost of a million on each profile under other limits, from what its runs bracket."""
    rows = [(scaled.scale, reached) for scaled in report.limits for reached in scaled.reached]
    per_request = {one.profile: one.per_million * one.confirmed_per_s for one in report.sustained}

    def draw(axes: Axes) -> None:
        labels = []
        for place, (scale, reached) in zip(range(len(rows), 0, -1), rows, strict=True):
            colour, _, marker = _look(report, reached.profile)
            labels.append(
                f"{scale:g}x {reached.profile}"
                if is_narrow(axes)
                else f"limits times {scale:g}, {reached.profile}"
            )
            cost = per_request[reached.profile]
            low, high = reached.low_per_s, reached.high_per_s
            if low is not None:
                _interval(
                    axes, place, cost / low, cost / high if high else None, (colour, marker), opens=False
                )
            elif high is not None:
                _interval(axes, place, cost / high, None, (colour, "|"), opens=True)
        axes.set_yticks(list(range(len(rows), 0, -1)), labels, fontsize=9)
        axes.set(
            xlabel=f"{report.currency} for 1M {report.unit}", xlim=(0, None), ylim=(0.4, len(rows) + 0.6)
        )
        axes.grid(visible=False, axis="y")

    return draw


def height_in(compared: Sequence[Compared]) -> float:
    """Of a forest, by its longest list of rows."""
    rows = (sum(ratio.ratio is not None for ratio in one.ratios) for one in compared)
    return 1.0 + 0.22 * max(rows, default=1)

"""`python -m bench.report.answers docs/answers`: what bench answers, in one figure, from the files there.

A capacity search (search.json), a plan that rests on it (plan.json) and cold starts (provision.json); the
script beside them makes all three.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from bench.analyze import SearchReport, StartsReport, load_search
from bench.analyze.plan import Answer
from bench.report import words
from bench.report.figures import BLACK, BLUE, RED, STYLE, cold_starts, plain_ticks

FILE = "answers.svg"
Looks = Mapping[str, tuple[str, str, str]]
"""Colour, mark and line of a profile."""

_LOOKS = ((BLUE, "o", "-"), (RED, "s", "--"))


def main(folder: Path) -> None:
    """Leave answers.svg beside its files."""
    draw(folder, folder / FILE)


def draw(folder: Path, file: Path) -> None:
    """One panel a question."""
    plan = Answer.model_validate_json((folder / "plan.json").read_text(encoding="utf-8"))
    starts = StartsReport.model_validate_json((folder / "provision.json").read_text(encoding="utf-8"))
    with rc_context(STYLE):
        figure = Figure(figsize=(12, 3.9), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        report = load_search(folder)
        looks = dict(zip((one.profile for one in report.profiles), _LOOKS, strict=True))
        _capacity(left, report, looks)
        _plan(middle, plan, looks)
        _starts(right, starts)
        figure.suptitle("SIMULATED: the built-in model, no GPU was measured", fontsize=11)
        figure.savefig(file, metadata={"Date": None})


def _capacity(axes: Axes, report: SearchReport, looks: Looks) -> None:
    axes.axhline(report.target, color=BLACK, linewidth=1, linestyle=":", label=f"target {report.target:.4g}")
    for one in report.profiles:
        colour, marker, line = looks[one.profile]
        runs = [run for run in one.runs if run.stage != "ceiling" and run.valid]
        axes.plot([run.rate_per_s / one.replicas for run in runs], [run.attainment for run in runs], marker,
                  color=colour, markerfacecolor="none", markersize=5,
                  label=f"{one.profile}, a run each")  # fmt: skip
        if one.confirmed_per_s:
            rate_per_s = one.confirmed_per_s / one.replicas
            axes.axvline(rate_per_s, color=colour, linestyle=line, linewidth=1.6,
                         label=f"confirmed {words.digits(rate_per_s)}/s")  # fmt: skip
    axes.set(
        xscale="log", ylim=(0, 1.03), xlabel="requests/s of one replica", ylabel="share that kept the SLO"
    )
    plain_ticks(axes, "x")
    _titled(axes, "How much does a replica sustain?")


def _plan(axes: Axes, answer: Answer, looks: Looks) -> None:
    for name, counts in answer.by_hour.items():
        colour, _, line = looks[name]
        axes.step(range(len(counts) + 1), [*counts, counts[-1]], where="post", color=colour, linestyle=line,
                  linewidth=2, label=f"{name} replicas")  # fmt: skip
    axes.set(xlabel="hour of the day", ylabel="replicas, the most in each hour", ylim=(0, None), xlim=(0, 24))
    axes.xaxis.set_major_locator(MultipleLocator(6))
    best = answer.plans[answer.best or 0]
    _titled(axes, f"How many, at what cost? {best.per_day:,.0f} {answer.currency} a day, {best.policy}")


def _starts(axes: Axes, report: StartsReport) -> None:
    lane = report.lanes[-1]
    cold_starts(lane)(axes)
    scale = report.simulation.get("cold_start_scale", 1.0)
    shorter = "" if scale == 1 else f" ({1 / scale:g}x shorter)"
    _titled(axes, f"How long until a cold {lane.profile} serves?{shorter}")


def _titled(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9.5)
    axes.legend(fontsize=8)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/answers"))

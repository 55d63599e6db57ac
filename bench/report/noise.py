"""The noise of an environment: in the terminal, and as noise.json."""

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.gate import NoiseReport
from bench.record import replace
from bench.report import words
from bench.report.table import Grid, table


def write_noise(folder: Path, report: NoiseReport) -> Path:
    """Leave noise.json in the experiment's folder."""
    replace(folder / "noise.json", report.to_json())
    return folder / "noise.json"


def render_noise(report: NoiseReport) -> RenderableType:
    """The sentence, a table of the metrics, and what speaks against the environment."""
    lines = [told] if (told := words.unreal(report.simulated)) else []
    lines += [f"  also: {reason}" for reason in report.reasons[1:]]
    lines += [f"left out: pair {one.pair}: {'; '.join(one.reasons)}" for one in report.left_out]
    return Group(
        Text(report.sentence[0].upper() + report.sentence[1:]),
        Text(),
        Group(table(noise_grid(report)), Text(noise_legend())) if report.metrics else Text(),
        *map(Text, lines),
    )


def noise_legend() -> str:
    """How to read the table."""
    return (
        "spread: of the paired differences, with its 95% interval; a look sees the change below it nine "
        "times of ten; needed: pairs for the margin (- : more than 200); second: what running second "
        "changes, and its p; lag 1: correlation of neighbouring pairs"
    )


def noise_grid(report: NoiseReport) -> Grid:
    """One row a metric, in percent or points."""
    headings = ("metric", "spread\n%", "from\n%", "to\n%", *(f"{look} pairs\nsee %" for look in report.looks),
                "margin\n%", "pairs\nneeded", "second\n%", "p", "lag 1")  # fmt: skip
    rows = [
        (
            one.name,
            *(f"{100 * value:.2f}" for value in (one.spread, one.spread_low, one.spread_high)),
            *(f"{100 * value:.2f}" for value in one.visible_changes),
            f"{100 * one.margin:g}",
            "-" if one.pairs_needed is None else str(one.pairs_needed),
            f"{100 * one.second_run_change:+.2f}",
            *("-" if value is None else f"{value:.2f}" for value in (one.order_p, one.lag_one)),
        )
        for one in report.metrics
    ]
    return Grid(f"Noise between {len(report.pairs)} pairs of one build", headings, 1, tuple(rows))

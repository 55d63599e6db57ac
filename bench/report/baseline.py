"""Baselines: in the terminal, and as files in a results folder."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.baseline import Baseline, file_of, kept_for, spell
from bench.record import replace
from bench.report.table import Grid, table

SHOWN = {"ttft.p50": 1e3, "ttft.p95": 1e3, "tpot.p50": 1e3, "e2e.p95": 1e3, "error_rate": 1e2}


def write_baseline(results: Path, baseline: Baseline) -> tuple[Path, Baseline | None]:
    """Leave it in the results folder; its file, and the baseline that it took the place of."""
    file, before = file_of(results, baseline.setting), kept_for(results, baseline.setting)
    file.parent.mkdir(parents=True, exist_ok=True)
    replace(file, baseline.to_json())
    return file, before


def render_baselines(baselines: Sequence[Baseline]) -> RenderableType:
    """Each with its setting, its build and the least and the most of some of its numbers."""
    if not baselines:
        return Text("no baseline is stored: make one with `bench baseline set RUNS...`")
    return Group(*map(_rendered, baselines))


def _rendered(baseline: Baseline) -> RenderableType:
    builds = sorted({one.build or one.version or "no build named" for one in baseline.runs})
    return Group(
        Text(spell(baseline.setting)),
        Text(f"set at {baseline.set_at}, {len(baseline.runs)} runs of {', '.join(builds)}"),
        table(baseline_grid(baseline)),
        Text(),
    )


def baseline_grid(baseline: Baseline) -> Grid:
    """One row a run."""
    headings = ("run", "TTFT p50\nms", "TTFT p95\nms", "TPOT p50\nms", "E2E p95\nms", "errors\n%")
    rows = [
        (one.folder, *(_said(one.values.get(name), scale) for name, scale in SHOWN.items()))
        for one in baseline.runs
    ]
    return Grid("Runs of the baseline", headings, 1, tuple(rows))


def _said(value: float | None, scale: float) -> str:
    return "-" if value is None else f"{value * scale:.4g}"

"""What people look at: tables, figures, a page, CSV. Computes no statistic."""

from bench.report.baseline import render_baselines, write_baseline
from bench.report.calibration import calibration_lines, check_lines, render_calibration, step_line
from bench.report.compare import render_comparison
from bench.report.export import export_csv, export_summary_csv, write_summary
from bench.report.fit import render_fit
from bench.report.gate import render_gate, write_gate
from bench.report.html import (
    asked_gate,
    asked_noise,
    asked_profiles,
    asked_run,
    asked_search,
    asked_starts,
    asked_sweep,
    asked_trend,
    write_gate_report,
    write_noise_report,
    write_profiles_page,
    write_report,
    write_search_page,
    write_starts_page,
    write_sweep,
    write_trend_report,
)
from bench.report.noise import render_noise, write_noise
from bench.report.notebook import NotebookError
from bench.report.plan import render_plan, write_plan
from bench.report.profiles import render_profiles, write_profiles
from bench.report.searches import short_window, write_search
from bench.report.starts import render_starts, start_lines, write_starts
from bench.report.table import WIDTH, render_summary, render_sweep
from bench.report.trend import render_trend, write_trend

__all__ = [
    "WIDTH",
    "NotebookError",
    "asked_gate",
    "asked_noise",
    "asked_profiles",
    "asked_run",
    "asked_search",
    "asked_starts",
    "asked_sweep",
    "asked_trend",
    "calibration_lines",
    "check_lines",
    "export_csv",
    "export_summary_csv",
    "render_baselines",
    "render_calibration",
    "render_comparison",
    "render_fit",
    "render_gate",
    "render_noise",
    "render_plan",
    "render_profiles",
    "render_starts",
    "render_summary",
    "render_sweep",
    "render_trend",
    "short_window",
    "start_lines",
    "step_line",
    "write_baseline",
    "write_gate",
    "write_gate_report",
    "write_noise",
    "write_noise_report",
    "write_plan",
    "write_profiles",
    "write_profiles_page",
    "write_report",
    "write_search",
    "write_search_page",
    "write_starts",
    "write_starts_page",
    "write_summary",
    "write_sweep",
    "write_trend",
    "write_trend_report",
]

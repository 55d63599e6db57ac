"""What people look at: tables, figures, a page, CSV. Computes no statistic."""

from bench.report.calibration import calibration_lines, check_lines, render_calibration, step_line
from bench.report.compare import render_comparison
from bench.report.export import export_csv, export_summary_csv, write_summary
from bench.report.fit import render_fit
from bench.report.gate import render_gate, write_gate
from bench.report.html import asked_run, asked_sweep, write_report, write_sweep
from bench.report.noise import render_noise, write_noise
from bench.report.notebook import NotebookError
from bench.report.table import WIDTH, render_summary, render_sweep

__all__ = [
    "WIDTH",
    "NotebookError",
    "asked_run",
    "asked_sweep",
    "calibration_lines",
    "check_lines",
    "export_csv",
    "export_summary_csv",
    "render_calibration",
    "render_comparison",
    "render_fit",
    "render_gate",
    "render_noise",
    "render_summary",
    "render_sweep",
    "step_line",
    "write_gate",
    "write_noise",
    "write_report",
    "write_summary",
    "write_sweep",
]

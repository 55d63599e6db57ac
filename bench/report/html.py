"""report.html of a run, and of a sweep of rates."""

import os
from pathlib import Path

from bench.analyze import newest
from bench.record import RunFolder, replace
from bench.report.notebook import to_html

RUN_VARIABLE = "BENCH_RUN"
SWEEP_VARIABLE = "BENCH_SWEEP"


def write_report(folder: RunFolder) -> Path:
    """Run `dashboards/run.ipynb` on a run folder and leave report.html in it.

    Raises NotebookError with the cell's error where the notebook fails.
    """
    title = f"{folder.info().scenario.get('name', folder.path.name)} - poolbench"
    page = to_html("run.ipynb", title, {RUN_VARIABLE: str(folder.path.resolve())})
    replace(folder.report_file, page)
    return folder.report_file


def write_sweep(folder: Path) -> Path:
    """Run `dashboards/sweep.ipynb` on an experiment folder and leave report.html in it."""
    page = to_html("sweep.ipynb", f"{folder.name} - poolbench", {SWEEP_VARIABLE: str(folder.resolve())})
    file = folder / "report.html"
    replace(file, page)
    return file


def asked_run() -> RunFolder:
    """The run a notebook is about: `BENCH_RUN`, or the newest in `results/` (here or one folder up)."""
    named = os.environ.get(RUN_VARIABLE)
    return RunFolder(Path(named)) if named else newest(_results())


def asked_sweep() -> Path:
    """The sweep a notebook is about: `BENCH_SWEEP`, or the newest in `results/`."""
    named = os.environ.get(SWEEP_VARIABLE)
    if named:
        return Path(named)
    found = sorted(_results().glob("*/experiment.json"), key=lambda file: file.stat().st_mtime_ns)
    if not found:
        raise FileNotFoundError(f"{_results()} holds no sweep: make one with `bench run ... --rates 2,4,8`")
    return found[-1].parent


def _results() -> Path:
    here, above = Path("results"), Path("..") / "results"
    return here if here.is_dir() else above

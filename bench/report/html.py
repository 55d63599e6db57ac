"""report.html of a run, of a sweep of rates, and of cold starts."""

import os
from pathlib import Path

from bench.analyze import newest
from bench.record import RunFolder, replace
from bench.report.notebook import to_html

RUN_VARIABLE = "BENCH_RUN"
SWEEP_VARIABLE = "BENCH_SWEEP"
STARTS_VARIABLE = "BENCH_PROVISION"


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
    return _write(folder, "sweep.ipynb", SWEEP_VARIABLE)


def write_starts_page(folder: Path) -> Path:
    """Run `dashboards/provisioning.ipynb` on an experiment folder and leave report.html in it."""
    return _write(folder, "provisioning.ipynb", STARTS_VARIABLE)


def _write(folder: Path, notebook: str, variable: str) -> Path:
    page = to_html(notebook, f"{folder.name} - poolbench", {variable: str(folder.resolve())})
    file = folder / "report.html"
    replace(file, page)
    return file


def asked_run() -> RunFolder:
    """The run a notebook is about: `BENCH_RUN`, or the newest in `results/` (here or one folder up)."""
    named = os.environ.get(RUN_VARIABLE)
    return RunFolder(Path(named)) if named else newest(_results())


def asked_sweep() -> Path:
    """The sweep a notebook is about: `BENCH_SWEEP`, or the newest in `results/`."""
    return _asked(SWEEP_VARIABLE, "rates", "sweep: make one with `bench run ... --rates 2,4,8`")


def asked_starts() -> Path:
    """The cold starts a notebook is about: `BENCH_PROVISION`, or the newest in `results/`."""
    return _asked(STARTS_VARIABLE, "provision", "cold start: make some with `bench provision`")


def _asked(variable: str, kind: str, otherwise: str) -> Path:
    named = os.environ.get(variable)
    if named:
        return Path(named)
    found = sorted(_results().glob("*/experiment.json"), key=lambda file: file.stat().st_mtime_ns)
    mine = [file for file in found if f'"{kind}"' in file.read_text(encoding="utf-8")]
    if not mine:
        raise FileNotFoundError(f"{_results()} holds no {otherwise}")
    return mine[-1].parent


def _results() -> Path:
    here, above = Path("results"), Path("..") / "results"
    return here if here.is_dir() else above

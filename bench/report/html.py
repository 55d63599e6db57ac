"""report.html of runs, sweeps, judged pairs, noise, a history, cold starts, capacity and profiles."""

import os
import tempfile
from pathlib import Path

from bench.analyze import SEARCH_FILE, newest
from bench.analyze.gate import load_policy
from bench.analyze.history import past, runs_in
from bench.analyze.profiles import ProfilesReport
from bench.analyze.trend import TrendReport, trend_of
from bench.record import RunFolder, replace
from bench.report.notebook import to_html

RUN_VARIABLE = "BENCH_RUN"
SWEEP_VARIABLE = "BENCH_SWEEP"
GATE_VARIABLE = "BENCH_GATE"
NOISE_VARIABLE = "BENCH_AA"
TREND_VARIABLE = "BENCH_TREND"
STARTS_VARIABLE = "BENCH_PROVISION"
PROFILES_VARIABLE = "BENCH_PROFILES"
SEARCH_VARIABLE = "BENCH_CAPACITY"


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


def write_gate_report(folder: Path) -> Path:
    """Run `dashboards/regression.ipynb` on an experiment with a gate.json, and leave report.html in it."""
    return _write(folder, "regression.ipynb", GATE_VARIABLE)


def write_noise_report(folder: Path) -> Path:
    """Run `dashboards/aa.ipynb` on an experiment that has a noise.json, and leave report.html in it."""
    return _write(folder, "aa.ipynb", NOISE_VARIABLE)


def write_trend_report(file: Path, report: TrendReport) -> Path:
    """Run `dashboards/trend.ipynb` on a history, and leave its page in a file."""
    with tempfile.TemporaryDirectory(prefix="poolbench-") as place:
        told = Path(place) / "trend.json"
        replace(told, report.to_json())
        replace(file, to_html("trend.ipynb", "trend - poolbench", {TREND_VARIABLE: str(told)}))
    return file


def write_starts_page(folder: Path) -> Path:
    """Run `dashboards/provisioning.ipynb` on an experiment folder and leave report.html in it."""
    return _write(folder, "provisioning.ipynb", STARTS_VARIABLE)


def write_profiles_page(folder: Path) -> Path:
    """Run `dashboards/profiles.ipynb` on an experiment with a profiles.json, and leave report.html in it."""
    return _write(folder, "profiles.ipynb", PROFILES_VARIABLE)


def write_search_page(folder: Path) -> Path:
    """Run `dashboards/capacity.ipynb` on a folder that has a search.json, and leave report.html in it."""
    return _write(folder, "capacity.ipynb", SEARCH_VARIABLE)


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
    return _asked(
        SWEEP_VARIABLE, "experiment.json", "sweep: make one with `bench run ... --rates 2,4,8`", "rates"
    )


def asked_starts() -> Path:
    """The cold starts a notebook is about: `BENCH_PROVISION`, or the newest in `results/`."""
    what = "cold start: make some with `bench provision`"
    return _asked(STARTS_VARIABLE, "experiment.json", what, "provision")


def asked_search() -> Path:
    """The capacity search a notebook is about: `BENCH_CAPACITY`, or the newest in `results/` that ended."""
    return _asked(SEARCH_VARIABLE, SEARCH_FILE, "capacity search that ended: make one with `bench capacity`")


def asked_gate() -> Path:
    """The judged pairs a notebook is about: `BENCH_GATE`, or those in `results/` that were judged last."""
    return _asked(GATE_VARIABLE, "gate.json", "judged pairs: make them with `bench ab`")


def asked_noise() -> Path:
    """The pairs of one build a notebook is about: `BENCH_AA`, or the newest in `results/`."""
    return _asked(NOISE_VARIABLE, "noise.json", "pairs of one build: make them with `bench aa`")


def asked_profiles() -> ProfilesReport:
    """The comparison a notebook is about: in the folder `BENCH_PROFILES`, or the newest in `results/`."""
    folder = _asked(PROFILES_VARIABLE, "profiles.json", "compared profiles: make them with `bench profiles`")
    return ProfilesReport.model_validate_json((folder / "profiles.json").read_text(encoding="utf-8"))


def asked_trend() -> TrendReport:
    """The history a notebook is about: the trend.json that `BENCH_TREND` names, or of all in `results/`."""
    named = os.environ.get(TREND_VARIABLE)
    if named:
        return TrendReport.model_validate_json(Path(named).read_text(encoding="utf-8"))
    runs, left_out = past(runs_in([_results()]))
    return trend_of(load_policy(None), runs, unreadable=left_out)


def _asked(variable: str, file: str, what: str, kind: str = "") -> Path:
    named = os.environ.get(variable)
    if named:
        return Path(named)
    found = sorted(_results().glob(f"*/{file}"), key=lambda one: one.stat().st_mtime_ns)
    found = [one for one in found if f'"{kind}"' in one.read_text(encoding="utf-8")] if kind else found
    if not found:
        raise FileNotFoundError(f"{_results()} holds no {what}")
    return found[-1].parent


def _results() -> Path:
    here, above = Path("results"), Path("..") / "results"
    return here if here.is_dir() else above

"""A baseline: runs of a build that others are held against later, by what was sent and on which machine."""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.analyze.history import PastRun, Setting
from bench.analyze.run import AnalysisError
from bench.analyze.window import Value

LEAST_RUNS = 5
FOLDER = "baselines"


class Baseline(Value):
    """A baseline's file. `set_at`: wall time, ISO 8601, UTC."""

    format_version: Literal[1] = 1
    set_at: str
    setting: Setting
    runs: tuple[PastRun, ...]

    def to_json(self) -> str:
        """The text of the file."""
        return self.model_dump_json(indent=2) + "\n"


def baselines_of(runs: Sequence[PastRun], set_at: str) -> list[Baseline]:
    """A baseline for each setting among these runs.

    Raises AnalysisError for an invalid run, and where a setting has fewer than five.
    """
    broken = [f"{one.folder}: {one.faults[0]}" for one in runs if one.faults]
    if broken:
        raise AnalysisError(f"invalid runs make no baseline: {'; '.join(broken)}")
    ordered = sorted(runs, key=lambda one: (one.setting.model_dump_json(), one.created, one.folder))
    groups = [(setting, tuple(group)) for setting, group in groupby(ordered, key=lambda one: one.setting)]
    for setting, group in groups:
        if len(group) < LEAST_RUNS:
            raise AnalysisError(
                f"{spell(setting)}: {len(group)} runs are too few for a baseline; {LEAST_RUNS} are needed, "
                "10 are good"
            )
    return [Baseline(set_at=set_at, setting=setting, runs=group) for setting, group in groups]


def spell(setting: Setting) -> str:
    """A setting in words."""
    return f"{setting.scenario} ({setting.workload}), {setting.model}, on {setting.machine}"


def file_of(results: Path, setting: Setting) -> Path:
    """Where the baseline of a setting lies."""
    key = hashlib.sha256(setting.model_dump_json().encode()).hexdigest()[:16]
    return results / FOLDER / f"{key}.json"


def stored(results: Path) -> list[Baseline]:
    """Every baseline in a results folder. Raises AnalysisError for one that cannot be read."""
    return [_read(file) for file in sorted((results / FOLDER).glob("*.json"))]


def kept_for(results: Path, setting: Setting) -> Baseline | None:
    """The baseline of a setting, None where there is none. Raises AnalysisError where it cannot be read."""
    file = file_of(results, setting)
    return _read(file) if file.exists() else None


def baseline_for(results: Path, setting: Setting) -> Baseline:
    """The baseline of a setting. Raises AnalysisError where there is none, and names those that there are."""
    if found := kept_for(results, setting):
        return found
    there = "; ".join(spell(one.setting) for one in stored(results)) or "none"
    raise AnalysisError(
        f"{results / FOLDER} has no baseline of {spell(setting)}: make one with `bench baseline set`; there "
        f"are: {there}"
    )


def _read(file: Path) -> Baseline:
    try:
        return Baseline.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AnalysisError(f"{file} cannot be read: {error}") from None
    except ValidationError as error:
        raise AnalysisError(f"{file} is no baseline of ours: {error.errors()[0]['msg']}") from None

"""Folders as a capacity search leaves them, with two runs a profile instead of thirty."""

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.analyze import load as load_run
from bench.analyze import summarise
from bench.record import RunFolder, RunInfo
from bench.scenario import load
from bench.virtual import write_run
from tests.commands.cli import SCENARIOS

CHECK = SCENARIOS / "capacity-check.yaml"
RATES = {"l4": 37.0, "a100-40gb": 110.0}
REFUTED = 1.05


def write_capacity(folder: Path, rates: Mapping[str, float] = RATES, *more: str) -> Path:
    """Each profile confirmed at its rate and refuted 5 % above; in virtual time, with overrides on top."""
    made = {
        name: [_run(folder, name, rate, stage, more) for rate, stage in _asked(rate)]
        for name, rate in rates.items()
    }
    kept = {name: {"rate_per_s": rate, "refuted_per_s": REFUTED * rate} for name, rate in rates.items()}
    search = {"kind": "capacity", "asked": {}, "attainment": 0.95, "first_seed": 1, "made": made}
    capacity = {"slo": "chat: 0.95", "simulated": True, "out_tokens": 16.0, "profiles": kept}
    for name, tree in (("experiment", search), ("capacity", capacity)):
        (folder / f"{name}.json").write_text(json.dumps(tree), encoding="utf-8")
    return folder


def _asked(rate: float) -> list[tuple[float, str]]:
    return [(REFUTED * rate, "bisect"), (rate, "confirm")]


def _run(folder: Path, name: str, rate: float, stage: str, more: tuple[str, ...]) -> dict[str, Any]:
    path = folder / f"{name}-{stage}"
    path.mkdir(parents=True)
    changes = (f"classes.chat.profiles=[{name}]", f"sim.fleet={name}=1", f"arrivals.rate_per_s={rate}",
               "duration_s=5", "warmup_s=1", *more)  # fmt: skip
    shutil.copyfile(CHECK, path / "scenario.yaml")
    asked = load(CHECK, changes).model_dump(mode="json")
    write_run(
        RunFolder(path), RunInfo(run_id=uuid.uuid4().hex, created="", overrides=changes, scenario=asked)
    )
    found = summarise(load_run(RunFolder(path))).overall
    facts = {"attainment": found.attainment, "offered": found.window.scheduled, "workers": 1, "what": "chat"}
    told = {"stage": stage, "rate_per_s": rate, "seed": 1, "valid": True, "folder": path.name}
    return {**told, **facts, "simulated": True, "virtual": True}


def change_runs(folder: Path, only: str = "", **facts: object) -> None:
    """Tell otherwise what the runs of one profile, or of all, were."""
    tree = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    for name, runs in tree["made"].items():
        for run in runs:
            run.update(facts if only in {"", name} else {})
    (folder / "experiment.json").write_text(json.dumps(tree), encoding="utf-8")

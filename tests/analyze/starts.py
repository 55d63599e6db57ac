"""Folders of cold starts for tests: each start refused once a second until it is answered, or never."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.metrics import Floats
from bench.record import Outcome, TargetSaid
from tests.analyze.runs import MS, S, Streamed, lost, scenario, streamed, write_run

MODEL = "qwen3-4b"
LANE = {"name": "chat", "operation": "chat", "model": MODEL, "profiles": ["l4"], "input_tokens": 8}
PLAN = scenario([LANE | {"output_tokens": 1}])
TOLD = {"simulated": {"fleet": "l4=0..1", "seed": 1, "cold_start_scale": 0.1}}
SAID = TargetSaid(kind="sie", url="http://127.0.0.1:1", simulated=True, said=TOLD, cold_for_s=12.0)


def rows_of(took_s: float, until_s: int = 60) -> list[Streamed]:
    """A request each second: refused while the lane is cold, answered from then on."""
    cold: dict[str, Any] = {"reason": "provisioning", "status": 202}
    return [
        streamed(second, second * S, [20 * MS], 1)
        if second >= took_s
        else lost(second, second * S, Outcome.REFUSED, **cold)
        for second in range(until_s)
    ]


def write_starts(
    folder: Path, took_s: Sequence[float], kind: str = "provision", left: int = 0, *, simulated: bool = True
) -> Path:
    """An experiment whose starts took so long (0: the lane was warm), and of which some are left to do."""
    names = [f"l4-{number}" for number in range(1, len(took_s) + left + 1)]
    for name, took in zip(names, took_s, strict=False):
        write_run(folder / name, rows_of(took), PLAN, target=SAID.model_copy(update={"simulated": simulated}))
    jobs = [{"folder": name, "done": number < len(took_s)} for number, name in enumerate(names)]
    folder.mkdir(exist_ok=True)
    (folder / "experiment.json").write_text(json.dumps({"kind": kind, "runs": jobs}), encoding="utf-8")
    return folder


def asked() -> list[Streamed]:
    """A load from 2 s on, whose third request is refused."""
    rows = [streamed(index, (2 + index) * S, [20 * MS], 1) for index in (0, 1, 3)]
    rows.insert(2, lost(2, 4 * S, Outcome.REFUSED, reason="overloaded", status=503))
    return rows


def looks(*told: str) -> list[dict[str, Any]]:
    """One a second, from a second before the start; a letter is an L4, small until it has the model."""
    return [_look(t_s, *pair) for t_s, pair in enumerate(pairwise(("", *told)), start=-1)]


def _look(t_s: int, before: str, now: str) -> dict[str, Any]:
    having = [name for name in now if name.isupper()]
    return {
        "t_ns": t_s * S,
        "told_ns": t_s * S + 50 * MS,
        "live": {"l4": len(now)},
        "serving": {MODEL: {"l4": len(having)}},
        "joined": {name: "l4" for name in now.upper() if name not in before.upper()},
        "loaded": {MODEL: [name for name in having if name not in before]},
    }


def write_scale_outs(folder: Path, told: Sequence[Sequence[str]]) -> Path:
    """An experiment of scale-outs from one worker, whose gateways told so of their workers (`looks`)."""
    names = [f"l4-{number}" for number in range(1, len(told) + 1)]
    for name, letters in zip(names, told, strict=True):
        write_run(folder / name, asked(), PLAN, target=SAID, health=looks(*letters))
    runs = [{"folder": name, "done": True} for name in names]
    experiment = {"kind": "provision", "from_workers": 1, "runs": runs}
    (folder / "experiment.json").write_text(json.dumps(experiment), encoding="utf-8")
    return folder


MEDIAN_START_S = 61.0


def seen_starts(random: np.random.Generator, every_s: float, count: int = 20) -> tuple[Floats, Floats]:
    """Both ends (s) of cold starts, as whoever looks at these intervals from the first refusal on sees them.

    Log-normal around `MEDIAN_START_S`, a third wide. Each is watched for a while of its own, which a fifth
    of them outlast: those have no upper end.
    """
    took_s = MEDIAN_START_S * random.lognormal(0, 0.3, count)
    watched_s = random.exponential(4.6 * MEDIAN_START_S, count)
    low_s = np.floor(np.minimum(took_s, watched_s) / every_s) * every_s
    return low_s, np.where(took_s <= watched_s, low_s + every_s, np.inf)

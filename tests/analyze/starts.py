"""Folders of cold starts for tests: each start refused once a second until it is answered, or never."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.metrics import Floats
from bench.record import Outcome, TargetSaid
from tests.analyze.runs import MS, S, Streamed, lost, scenario, streamed, write_run

LANE = {"name": "chat", "operation": "chat", "model": "qwen3-4b", "profiles": ["l4"], "input_tokens": 8}
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

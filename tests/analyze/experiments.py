"""Experiments whose truth is known: tables for the gate, drawn from seeds or from the queue."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.analyze.gate import ARMS, Arm, RunRow
from bench.metrics import quantile
from tests.analyze.queue import serve, traffic

Noise = Callable[[np.random.Generator], float]


def row(pair: int, arm: Arm, values: dict[str, Any], **facts: Any) -> RunRow:
    """A run of a sound experiment, unless told otherwise; the baseline runs first in odd pairs."""
    first = (pair % 2 == 1) == (arm == "baseline")
    base: dict[str, Any] = {
        "folder": f"pair-{pair}-{arm}",
        "place": 2 * pair + (not first),
        "workload": f"hash-{pair}",
        "within": {"error_rate <= 0.01": 1.0},
        "host": "here",
    }
    return RunRow(pair=pair, arm=arm, values=values, **(base | facts))


def drawn(
    random: np.random.Generator,
    shifts: dict[str, float],
    spread: float = 0.03,
    pairs: int = 10,
    noise: Noise = lambda random: float(random.normal()),
) -> list[RunRow]:
    """Latencies of 1 s whose paired log-ratios have this spread, shifted by these shares in the candidate."""
    rows = []
    for pair in range(1, pairs + 1):
        for arm in ARMS:
            values = {
                name: float(
                    np.exp(noise(random) * spread / np.sqrt(2)) * (1 + shift if arm == "candidate" else 1.0)
                )
                for name, shift in shifts.items()
            }
            rows.append(row(pair, arm, values))
    return rows


def queued(
    random: np.random.Generator,
    shift: float = 0.0,
    load: float = 0.5,
    pairs: int = 10,
    run_spread: float = 0.02,
    outliers: float = 0.0,
    heavy: bool = False,
) -> list[RunRow]:
    """Pairs of twin runs of the queue in ABBA order, with a slow drift and noise of each run.

    The noise is normal, or `heavy`: Student's with three degrees of freedom, of the same spread. The shift
    is an exact scale on the candidate's latencies, so the truth is known for each quantile.
    """
    slots = _drift(random, 2 * pairs)
    rows = []
    for pair in range(1, pairs + 1):
        asked = traffic(random, 1800, load)
        order: Sequence[Arm] = ARMS if pair % 2 else ARMS[::-1]
        for place, arm in enumerate(order, start=2 * pair - 2):
            own = random.standard_t(3) / np.sqrt(3) if heavy else random.normal()
            odd = random.random() < outliers
            slowness = float(np.exp(slots[place] + own * run_spread + (0.1 if odd else 0.0)))
            served = serve(asked, slowness)
            scale = 1 + shift if arm == "candidate" else 1.0
            values = {
                f"{metric}.p{round(100 * q)}": quantile(of_s, q) * scale
                for metric, of_s in (("ttft", served.ttft_s), ("e2e", served.e2e_s))
                for q in (0.5, 0.95)
            }
            rows.append(row(pair, arm, values, place=place))
    return rows


def _drift(random: np.random.Generator, slots: int) -> list[float]:
    """A slow wander of 2 %, strongly tied from run to run."""
    level, found = random.normal() * 0.02, []
    for _ in range(slots):
        level = 0.9 * level + np.sqrt(1 - 0.9**2) * random.normal() * 0.02
        found.append(float(level))
    return found

"""How often the gate is right about builds whose truth is known, in small."""

from typing import Any

import numpy as np
import pytest

from bench.analyze.gate import Policy, Watched, gate
from tests.analyze.experiments import drawn, queued
from tests.analyze.quiet_pairs import TPOT

QUEUED = Policy(
    metrics=tuple(
        Watched(metric=f"{name}.{level}", margin=margin)
        for name in ("ttft", "e2e")
        for level, margin in (("p50", 0.05), ("p95", 0.10))
    )
)


@pytest.mark.parametrize(
    ("shift", "facts", "least", "most"),
    [
        (0.0, {"pairs": 5}, 0, 0),
        (0.0, {"run_spread": 0.04}, 0, 1),
        (0.0, {"outliers": 0.05}, 0, 1),
        (0.0, {"heavy": True}, 0, 1),
        (0.10, {"pairs": 5}, 22, 25),
        (0.10, {"run_spread": 0.04}, 21, 25),
    ],
    ids=["T1", "T2 noise", "T2 odd runs", "T2 heavy tails", "T3", "T4 noise"],
)
def test_small_versions_of_the_known_truths(
    shift: float, facts: dict[str, Any], least: int, most: int
) -> None:
    """T1 to T4: of 25 experiments on the queue, how many FAIL; none that is 10 % slower passes."""
    random = np.random.default_rng(16)
    words = [gate(QUEUED, queued(random, shift, **facts)).verdict for _ in range(25)]
    assert least <= words.count("FAIL") <= most
    assert shift == 0 or words.count("PASS") == 0


def test_a_build_that_is_worse_by_the_margin_hardly_passes() -> None:
    """T5: of 150 experiments at the margin exactly, 7 % pass at most (and a few by chance more)."""
    random = np.random.default_rng(17)
    policy = Policy(metrics=(TPOT,))
    words = [gate(policy, drawn(random, {"tpot.p50": 0.05}, spread=0.03)).verdict for _ in range(150)]
    assert words.count("PASS") <= 16

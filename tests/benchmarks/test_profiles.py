"""The comparison of profiles against known truths: the figures in docs/profiles.md."""

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from bench.analyze.profiles import LATENCIES, Design, RatioOf, compare
from tests.experiment.twins import made, twins

REPEATS, PAIRS, LONG = 100, 5, 200
HALF, ONE = 0.5, 1.0

Ratios = dict[tuple[str, str], tuple[RatioOf, ...]]


@pytest.mark.timeout(3600)
def test_intervals_cover_the_known_ratio(tmp_path: Path) -> None:
    """A hundred comparisons of 5 runs of 300 requests a profile: each interval covers in 90 of them or more.

    Twice the speed at equal utilisation is half of every latency. At the equal rate the truth is the mean of
    200 other pairs; the same profile under another name is 1, and not separable.
    """
    design = twins()
    long = {
        one.name: one.ratio or math.nan for one in _of(design, tmp_path / "l", LONG, 999)["rate", "twice"]
    }
    covered, told = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    found = defaultdict[tuple[str, ...], list[float]](list)
    for repeat in range(REPEATS):
        for (condition, profile), ratios in _of(design, tmp_path / str(repeat), PAIRS, repeat).items():
            for one in ratios:
                truth = ONE if profile == "same" else HALF if condition == "utilisation" else long[one.name]
                inside = one.low is not None and one.high is not None and one.low <= truth <= one.high
                assert profile != "same" or not inside or one.verdict == "not separable"
                told[condition, profile] += one.verdict != "not separable"
                covered[condition, profile, one.name] += inside
                found[condition, profile, one.name].append(one.ratio or math.nan)
    print()
    for key, ratios_found in found.items():
        middle = math.exp(float(np.log(ratios_found).mean()))
        print(f"{' '.join(key):30} mean ratio {middle:.4f}: {covered[key]} of {REPEATS} cover")
    print(f"told apart: {dict(told)} of {REPEATS * len(LATENCIES)}")
    assert min(covered.values()) >= 90
    assert told["rate", "same"] <= 0.05 * REPEATS * len(LATENCIES)


def _of(design: Design, folder: Path, pairs: int, seed: int) -> Ratios:
    runs = made(folder, design, pairs, seed)
    return {
        (one.condition, one.profile): tuple(ratio for ratio in one.ratios if ratio.name in LATENCIES)
        for one in compare(design, runs)
    }

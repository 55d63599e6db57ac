"""The comparison of profiles against known truths: the figures in docs/profiles.md."""

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from bench.analyze.profiles import LATENCIES, Design, RatioOf, compare
from tests.experiment.twins import made, twins

REPEATS, PAIRS, LONG = 100, 5, 200

Key = tuple[str, str, str]


@pytest.mark.timeout(3600)
def test_intervals_cover_the_known_ratio(tmp_path: Path) -> None:
    """A hundred comparisons of 5 runs of 300 requests a profile: each interval covers in 90 of them or more.

    The truth of the faster is the mean of 200 other pairs; at equal utilisation it is about a half, as some
    milliseconds of the gateway do not become less. The same under another name is 1, and not separable.
    """
    design = twins()
    truth = {key: one.ratio or math.nan for key, one in _of(design, tmp_path / "long", LONG, 999).items()}
    halves = [ratio for key, ratio in truth.items() if key[:2] == ("utilisation", "twice")]
    assert halves == pytest.approx([0.5] * len(LATENCIES), rel=0.03)
    covered, apart, found = Counter[Key](), Counter[str](), defaultdict[Key, list[float]](list)
    for repeat in range(REPEATS):
        for key, one in _of(design, tmp_path / str(repeat), PAIRS, repeat).items():
            real = 1.0 if key[1] == "same" else truth[key]
            assert one.low is not None
            assert one.high is not None
            covered[key] += one.low <= real <= one.high
            apart[key[1]] += one.verdict != "not separable"
            found[key].append(one.ratio or math.nan)
    print()
    for key, ratios in found.items():
        middle = math.exp(float(np.log(ratios).mean()))
        print(
            f"{' '.join(key):28} truth {truth[key]:.3f}, mean {middle:.3f}: {covered[key]} of {REPEATS} cover"
        )
    counts = REPEATS * len(LATENCIES)
    print(f"told apart: same {apart['same']} of {counts}, twice {apart['twice']} of {2 * counts}")
    assert min(covered.values()) >= 90
    assert apart["same"] <= 0.05 * counts
    assert apart["twice"] == 2 * counts


def _of(design: Design, folder: Path, pairs: int, seed: int) -> dict[Key, RatioOf]:
    """Every latency that is compared; what is the same at both conditions once."""
    return {
        (one.condition, one.profile, ratio.name): ratio
        for one in compare(design, made(folder, design, pairs, seed))
        for ratio in one.ratios
        if ratio.name in LATENCIES and (one.condition, one.profile) != ("utilisation", "same")
    }

"""Comparisons of profiles: which runs are planned, and what they say where the truth is known."""

from collections import Counter
from pathlib import Path

import pytest

from bench.analyze.profiles import LATENCIES, compare
from bench.experiment import Length, profile_runs
from tests.experiment.twins import made, twins


def test_a_pair_has_one_seed_and_pairs_take_turns() -> None:
    """Arrivals and lengths are shared; chance of the GPU is not, nor a text on one replica."""
    jobs = profile_runs(twins(), 2, 1, Length(None, 4.0)).runs
    first, second = jobs[:4], jobs[4:]
    assert [(job.profile, job.rate_per_s) for job in first] == [
        (job.profile, job.rate_per_s) for job in second[::-1]
    ]
    assert len({job.folder for job in jobs}) == len(jobs)
    for key, different in (("seeds.arrivals", 1), ("seeds.texts", 2), ("sim.seed", 4)):
        asked = {one for job in first for one in job.overrides if one.startswith(f"{key}=")}
        last = {[one for one in job.overrides if one.startswith(f"{key}=")][-1] for job in first}
        assert len(last) == different, asked
    assert not any(one.startswith("duration_s") for job in jobs for one in job.overrides)


def test_a_run_may_be_as_long_as_its_requests_take() -> None:
    """After the warm-up, at the rate of the pool."""
    assert Length(300, 4.0).overrides(60.0) == ("duration_s=9",)


def test_a_longer_comparison_begins_as_a_shorter_one() -> None:
    """So that more runs may be asked for later."""
    short, long = (profile_runs(twins(), pairs, 3, Length(300, 4.0)).runs for pairs in (5, 7))
    assert long[: len(short)] == short


@pytest.mark.parametrize("seed", [1, 2])
def test_known_ratios_are_covered_and_twins_are_not_separable(seed: int, tmp_path: Path) -> None:
    """Twice the speed is half of each latency, at equal utilisation; another name is no difference."""
    found = {
        (one.condition, one.profile): one for one in compare(twins(), made(tmp_path / "c", twins(), 5, seed))
    }
    faster = [one for one in found["utilisation", "twice"].ratios if one.name in LATENCIES]
    assert len(faster) == len(LATENCIES)
    assert sum((one.low or 9) <= 0.5 <= (one.high or 0) for one in faster) >= 5
    assert {one.verdict for one in faster} == {"better"}
    assert {one.verdict for one in found["rate", "twice"].ratios if one.name in LATENCIES} == {"better"}
    same = Counter(one.verdict for one in found["rate", "same"].ratios)
    assert same["not separable"] >= len(LATENCIES)
    assert "same against l4: not separable in ttft.p50" in found["rate", "same"].sentence

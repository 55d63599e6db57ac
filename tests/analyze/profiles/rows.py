"""Runs of profiles made by hand."""

from collections.abc import Mapping, Sequence

from bench.analyze.gate.table import Absent
from bench.analyze.profiles import ProfileRun


def run_of(
    profile: str, seed: int, values: Mapping[str, float | Absent] | None = None, rate_per_s: float = 10.0
) -> ProfileRun:
    """A run with these numbers."""
    return ProfileRun(
        folder=f"{profile}-{seed}",
        profile=profile,
        rate_per_s=rate_per_s,
        seed=seed,
        values=values or {},
        requests=300,
        window_s=30.0,
        unreal="simulated",
    )


def by_seed(profile: str, name: str, values: Sequence[float | Absent]) -> dict[int, ProfileRun]:
    """One number in several runs."""
    return {seed: run_of(profile, seed, {name: value}) for seed, value in enumerate(values)}

"""Fresh runs of several profiles with shared seeds: each at a share of its capacity, and all at one rate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyze.profiles import Design
from bench.experiment.pairs import DIMENSIONS
from bench.experiment.plan import Experiment, Job

_SEEDS_APART = 1000
_ODD = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run is: as long as the scenario, or until so many requests were due after the warm-up."""

    requests: int | None
    warmup_s: float

    def overrides(self, rate_per_s: float) -> tuple[str, ...]:
        """At a rate of the pool."""
        if self.requests is None:
            return ()
        return (f"duration_s={self.warmup_s + self.requests / rate_per_s:.9g}",)


def profile_runs(
    design: Design, pairs: int, seed: int, length: Length, overrides: Sequence[str] = ()
) -> Experiment:
    """`pairs` runs of each profile at each of its rates; those of one `pair` have the same seeds.

    The order turns from pair to pair, so that a drift of the machine does not become a difference of the
    profiles. A simulated gateway has another seed for each run: chance that is not of the traffic is not
    shared. The first runs of a longer experiment are those of a shorter one.
    """
    jobs: list[Job] = []
    for pair in range(1, pairs + 1):
        number = seed * _SEEDS_APART + pair
        seeds = tuple(f"seeds.{name}={number}" for name in DIMENSIONS)
        mine = []
        for place, (profile, rate_per_s) in enumerate(design.rates()):
            pool_per_s = rate_per_s * design.searched[profile].replicas
            own = (f"sim.seed={number * _SEEDS_APART + place}", f"arrivals.rate_per_s={pool_per_s!r}")
            job = Job(
                folder=f"{re.sub(_ODD, '-', profile)}-{rate_per_s:.4g}-{pair}",
                overrides=(*overrides, *seeds, *own, *length.overrides(pool_per_s)),
                rate_per_s=pool_per_s,
                pair=pair,
                profile=profile,
            )
            mine.append(job)
        jobs += mine if pair % 2 else mine[::-1]
    return Experiment(kind="profiles", runs=tuple(jobs))

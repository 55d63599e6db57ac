"""Fresh runs of several profiles with shared seeds: each at a share of its capacity, and all at one rate."""

import re
from dataclasses import dataclass

from bench.analyze.profiles import Design
from bench.experiment.pairs import DIMENSIONS
from bench.experiment.plan import Experiment, Job

_SEEDS_APART = 1000
_TEXTS_APART = 500
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


def profile_runs(design: Design, pairs: int, seed: int, length: Length) -> Experiment:
    """`pairs` runs of each profile at each of its rates; those of one `pair` have the same seeds.

    The order turns from pair to pair, so that a drift of the machine does not become a difference of the
    profiles. A simulated gateway has another seed for each run: chance that is not of the traffic is not
    shared. The first runs of a longer experiment are those of a shorter one.
    """
    asked = [
        _Asked(profile, turn, rate, design.searched[profile].replicas)
        for profile in design.searched
        for turn, rate in enumerate(design.rates(profile))
    ]
    jobs: list[Job] = []
    for pair in range(1, pairs + 1):
        number = seed * _SEEDS_APART + pair
        mine = [_job(one, pair, number, place, length) for place, one in enumerate(asked)]
        jobs += mine if pair % 2 else mine[::-1]
    return Experiment(kind="profiles", runs=tuple(jobs))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A profile at one of its rates (requests/s a replica), `turn` of those with one seed."""

    profile: str
    turn: int
    rate_per_s: float
    replicas: int


def _job(asked: _Asked, pair: int, number: int, place: int, length: Length) -> Job:
    pool_per_s = asked.rate_per_s * asked.replicas
    return Job(
        folder=f"{re.sub(_ODD, '-', asked.profile)}-{asked.rate_per_s:.4g}-{pair}",
        overrides=(
            *(f"seeds.{name}={number}" for name in DIMENSIONS),
            # The same text twice on one replica would come from its prefix cache.
            f"seeds.texts={number + asked.turn * _TEXTS_APART}",
            f"sim.seed={number * _SEEDS_APART + place}",
            f"arrivals.rate_per_s={pool_per_s!r}",
            *length.overrides(pool_per_s),
        ),
        rate_per_s=pool_per_s,
        pair=pair,
        profile=asked.profile,
    )

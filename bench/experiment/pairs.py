"""Pairs of twin runs, baseline and candidate, in ABBA order."""

import random

from bench.analyze.gate import ARMS, Arm, Policy
from bench.experiment.plan import Experiment, Job

DIMENSIONS = ("arrivals", "classes", "profiles", "lengths", "texts", "think")
_SEEDS_APART = 1000


def pairs(
    policy: Policy,
    baseline: tuple[str, ...],
    candidate: tuple[str, ...],
    seed: int,
    count: int | None = None,
) -> Experiment:
    """`count` pairs; left out, as many as the last look needs, and those that the policy lets be invalid.

    Both runs of a pair have the same seeds, each pair new ones. A coin (from `seed`) decides which arm goes
    first; then the order turns from pair to pair. `baseline` and `candidate` are the overrides of each arm.
    """
    changes = {"baseline": baseline, "candidate": candidate}
    coin = random.Random(seed).randrange(2)
    jobs = []
    for pair in range(1, (count or policy.looks[-1] + policy.most_invalid_pairs) + 1):
        order: tuple[Arm, ...] = ARMS if (pair + coin) % 2 else ARMS[::-1]
        seeds = tuple(f"seeds.{name}={seed * _SEEDS_APART + pair}" for name in DIMENSIONS)
        jobs += [
            Job(folder=f"pair-{pair}-{arm}", overrides=(*changes[arm], *seeds), pair=pair, arm=arm)
            for arm in order
        ]
    return Experiment(kind="ab", runs=tuple(jobs), policy=policy)

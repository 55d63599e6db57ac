"""Paired differences -> one estimate: a one-sample t over the pairs, and what stands beside it."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from bench.metrics import Floats

MOST_FLIPPED = 16
SIGN_FLIP_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of k differences (positive = worse) with its one-sided bounds and p of "not worse".

    `spread` is their standard deviation, at least the `floor` that they were given with.
    """

    mean: float
    spread: float
    low: float
    high: float
    p: float


def paired(differences: Floats, alpha: float, floor: float = 0.0) -> Paired:
    """The t test of the mean against 0. `floor`: the least standard deviation that is believed, above 0.

    [low, high] is two-sided at 1 - 2 alpha. Needs two differences or more.
    """
    k = differences.size
    mean, spread = float(differences.mean()), max(float(differences.std(ddof=1)), floor)
    error = spread / math.sqrt(k)
    reach = float(special.stdtrit(k - 1, 1 - alpha)) * error
    p = float(special.stdtr(k - 1, -mean / error)) if error else float(mean <= 0)
    return Paired(mean, spread, mean - reach, mean + reach, p)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values: the chance that any of these would be so small if all were null, at most."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = largest
    return tuple(adjusted)


def sign_flip_p(differences: Floats) -> float | None:
    """The exact share of sign patterns whose mean is as large or larger; None above 16 pairs."""
    if differences.size > MOST_FLIPPED:
        return None
    sums = _signs(differences.size) @ differences
    return float(np.mean(sums >= differences.sum() - SIGN_FLIP_TOLERANCE))


@lru_cache
def _signs(k: int) -> Floats:
    return np.array(list(itertools.product((1.0, -1.0), repeat=k)))


def hodges_lehmann(differences: Floats) -> float:
    """The median of all pairwise means: a centre that a single odd pair cannot move far."""
    i, j = np.triu_indices(differences.size)
    return float(np.median((differences[i] + differences[j]) / 2))


def without_each(differences: Floats) -> list[Floats]:
    """The differences without the first, without the second, and so on."""
    return [np.delete(differences, i) for i in range(differences.size)]

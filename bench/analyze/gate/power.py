"""What a design can see: the level of each look, the smallest shift it finds, the pairs that it takes."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import special

from bench.metrics import Floats

POWER = 0.9
MOST_PAIRS = 200
_GRID = 600


@lru_cache
def level_of_each_look(looks: tuple[int, ...], alpha: float) -> float:
    """The one-sided level at which each look is tested, so that all looks together err with `alpha`.

    Pocock's constant boundary for looks after these numbers of pairs, by integrating over the paths that no
    earlier look has stopped. (5, 10) at 0.05 gives 0.0304.
    """
    if len(looks) == 1:
        return alpha
    boundary = _root(lambda z: 1 - _never_crosses(z, looks) - alpha, 0.5, 5.0)
    return float(special.ndtr(-boundary))


def _never_crosses(boundary: float, looks: tuple[int, ...]) -> float:
    """The probability that a sum of standard normals stays below boundary x sqrt(k) at every look."""
    before, density, weights = np.zeros(1), np.ones(1), np.ones(1)
    for done, pairs in zip((0, *looks), looks, strict=False):
        sums = np.linspace(-8 * np.sqrt(pairs), boundary * np.sqrt(pairs), _GRID)
        density = _normal(sums[:, None] - before, np.sqrt(pairs - done)) @ (density * weights)
        weights = np.full(_GRID, sums[1] - sums[0])
        weights[[0, -1]] /= 2
        before = sums
    return float(density @ weights)


def _normal(x: Floats, sd: float) -> Floats:
    density: Floats = np.exp(-0.5 * (x / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    return density


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is 0, by halving. (scipy.optimize takes a second to import.)"""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


@lru_cache
def smallest_shift(pairs: int, alpha: float, power: float = POWER) -> float:
    """The true shift, in standard deviations of the paired difference, that a t test finds with `power`."""
    critical = special.stdtrit(pairs - 1, 1 - alpha)

    def missing(shift: float) -> float:
        return float(power - 1 + special.nctdtr(pairs - 1, shift * np.sqrt(pairs), critical))

    enough = 1.0  # scipy's noncentral t has no value far out, so not further than needed
    while missing(enough) > 0:
        enough *= 1.5
    return _root(missing, 0.0, enough)


def pairs_for(shift: float, spread: float, alpha: float) -> int | None:
    """How many pairs would find `shift` with 90 % power at this `spread`; None for more than 200."""
    for pairs in range(2, MOST_PAIRS + 1):
        if smallest_shift(pairs, alpha) * spread <= shift:
            return pairs
    return None

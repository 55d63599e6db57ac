"""When did a series move? Splits by energy distance, each priced by shuffles of the series itself.

A split of a series is the best of many, so its p is the share of shuffled series whose *best* split is as
good. Where neighbours resemble each other, blocks of them are shuffled, so that a slow wander is not taken
for a step. After Matteson and James (2014), with the biased form of the distance: its mean under "nothing
moved" is the same for every split, so that a split next to the end is neither favoured nor left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.metrics import Floats

LEAST = 5
SHUFFLES = 999
BATCH = 37
ENOUGH_LARGER = 100
BLOCK = 3
TIED = 0.2


@dataclass(frozen=True, slots=True)
class Split:
    """The best split of a series: `at` is the first point after it; p of "nothing moved"."""

    at: int
    p: float


def best_split(values: Floats, random: np.random.Generator, last: bool = True) -> Split | None:
    """Where a series parts best into before and after; None where it is too short.

    At least five points stand before it, and after it as many, or where these are the `last` ones of all, at
    least one.
    """
    n = values.size
    splits = slice(LEAST - 1, n - 1 if last else n - LEAST)
    at = _parting(values, splits)
    if at is None:
        return None
    return Split(at, _share_as_good(values, at, splits, random))


def p_of_split(values: Floats, at: int, random: np.random.Generator) -> float:
    """The p of "nothing moved" at a split that was known beforehand."""
    return _share_as_good(values, at, slice(at - 1, at), random)


def _share_as_good(values: Floats, at: int, splits: slice, random: np.random.Generator) -> float:
    """How many shuffled series have a split among these that is as good as the one at `at`."""
    distances, n = _distances(values), values.size
    best = float(_energies(distances, np.arange(n)[None, :])[0, at - 1])
    seen = larger = 0
    for orders in _shuffles(random, n, BLOCK if _tied(values, at) > TIED else 1):
        found = _energies(distances, orders)[:, splits].max(axis=1)
        seen, larger = seen + found.size, larger + int(np.sum(found >= best - 1e-12))
        if larger >= ENOUGH_LARGER:
            break
    return (1 + larger) / (1 + seen)


def all_splits(
    values: Floats, random: np.random.Generator, level: float, first: Split | None = None, last: bool = True
) -> list[Split]:
    """Every split that counts, in their order: the best one with a p up to `level`, and those of its sides.

    The two sides share the level, so that looking on costs no more than looking once.
    """
    best = first or best_split(values, random, last)
    if best is None or best.p > level:
        return []
    before = all_splits(values[: best.at], random, level / 2, last=False)
    after = all_splits(values[best.at :], random, level / 2, last=last)
    return [*before, best, *(Split(best.at + one.at, one.p) for one in after)]


def _parting(values: Floats, splits: slice) -> int | None:
    """The first point after the best of these splits; None where there is none."""
    energies = _energies(_distances(values), np.arange(values.size)[None, :])[0, splits]
    return (splits.start or 0) + 1 + int(np.argmax(energies)) if energies.size else None


def _distances(values: Floats) -> Floats:
    return np.abs(values[:, None] - values[None, :])


def _energies(distances: Floats, orders: npt.NDArray[np.intp]) -> Floats:
    """For each order of the points and each number k of points before, the distance of before and after."""
    n = len(distances)
    k = np.arange(1, n)
    ordered = distances[orders[:, :, None], orders[:, None, :]]
    within = np.cumsum(np.tril(ordered).sum(axis=2), axis=1)
    touched = np.cumsum(distances.sum(axis=1)[orders], axis=1)
    before, after = within[:, :-1], within[:, -1:] - touched[:, :-1] + within[:, :-1]
    across = touched[:, :-1] - 2 * before
    found: Floats = 2 * (across - before * (n - k) / k - after * k / (n - k)) / n
    return found


def _shuffles(random: np.random.Generator, n: int, block: int) -> Iterator[npt.NDArray[np.intp]]:
    """999 orders of n points, in batches; neighbours stay together in blocks that begin anywhere."""
    for _ in range(SHUFFLES // BATCH):
        yield np.array([_shuffled(random, n, block) for _ in range(BATCH)])


def _shuffled(random: np.random.Generator, n: int, block: int) -> npt.NDArray[np.intp]:
    if block == 1:
        return random.permutation(n)
    edges = np.arange(random.integers(1, block + 1), n, block)
    parts = np.split(np.arange(n), edges)
    return np.concatenate([parts[i] for i in random.permutation(len(parts))])


def _tied(values: Floats, at: int) -> float:
    """Correlation of neighbours, the step at this split and one on either side of it taken out."""
    inner = slice(LEAST - 1, -LEAST)
    sides = [values[:at], values[at:]]
    parts = [part for side in sides for part in np.split(side, [_parting(side, inner) or 0])]
    rest = np.concatenate([part - part.mean() for part in parts if part.size])
    spread = float(rest @ rest)
    return float(rest[1:] @ rest[:-1]) / spread if spread else 0.0

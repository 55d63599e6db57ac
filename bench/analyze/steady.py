"""Had the server settled, and did it keep up? Tests over requests in the order in which they were due."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from bench.metrics import Floats

BATCHES = 20
LEAST_PER_BATCH = 10
MSER_BATCH = 5
MSER_LEAST = 100
_AT_A_TIME = 1 << 18  # requests: what fits a cache, for a long run has millions


@dataclass(frozen=True, slots=True)
class Trend:
    """Whether a series rose or fell: Kendall's tau over batches, and the one-sided p of each direction."""

    tau: float
    p_up: float
    p_down: float


def settled_after(values: Floats) -> int | None:
    """How many of the first values belong to the start-up, by MSER-5; None with fewer than 100 values.

    The cut that leaves the mean of the rest best known, among the first half. A cut in the last tenth of
    that half means that the series never settled.
    """
    if values.size < MSER_LEAST:
        return None
    batches = values[: values.size - values.size % MSER_BATCH].reshape(-1, MSER_BATCH).mean(axis=1)
    n = batches.size
    left = n - np.arange(n // 2)
    # Sums over the tail from each cut on: the error of the tail's mean is its variance over its length.
    total, square = (np.cumsum(part[::-1])[::-1][: n // 2] for part in (batches, batches**2))
    error = (square - total**2 / left) / left**2
    return int(np.argmin(error)) * MSER_BATCH


def stands_apart(first: Floats, rest: Floats) -> float:
    """Two-sided p that values of `first` and of `rest` are alike: the rank-sum test of Mann and Whitney.

    By the normal approximation, with ties. (scipy.stats has it, and takes a second to import.) 1 where either
    is empty or all are equal.
    """
    both = np.concatenate([first, rest])
    n, n_first = both.size, first.size
    _, place, ties = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    shrunk = float(np.sum(ties.astype(np.float64) ** 3 - ties)) / (n * (n - 1)) if n > 1 else 0.0
    variance = n_first * rest.size / 12 * (n + 1 - shrunk)
    if variance <= 0:
        return 1.0
    off = float(ranks[:n_first].sum()) - n_first * (n + 1) / 2
    return float(2 * special.ndtr(-abs(off) / math.sqrt(variance)))


def batch_medians(values: Floats) -> Floats | None:
    """Medians of 20 batches of equal size; None with fewer than 200 values."""
    if values.size < BATCHES * LEAST_PER_BATCH:
        return None
    return np.array([np.median(batch) for batch in np.array_split(values, BATCHES)])


def trend(batches: Floats) -> Trend:
    """Kendall's test against the order of the batches; a series that never changes has no trend.

    p is exact where no two batches are equal, and that of a normal otherwise. (scipy.stats would do, but
    takes a second to import, which every command would pay.)
    """
    n = batches.size
    _, ties = np.unique(batches, return_counts=True)
    pairs, untied = n * (n - 1) / 2, (n * (n - 1) - float(np.sum(ties * (ties - 1)))) / 2
    if untied == 0:
        return Trend(0.0, 1.0, 1.0)
    i, j = np.triu_indices(n, 1)
    score = float(np.sign(batches[j] - batches[i]).sum())
    tau = score / math.sqrt(pairs * untied)
    if untied == pairs:
        rising = round((pairs + score) / 2)
        ways = _orders_by_rising_pairs(n)
        return Trend(tau, float(ways[rising:].sum()), float(ways[: rising + 1].sum()))
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    p_down = float(special.ndtr(score / math.sqrt(variance)))
    return Trend(tau, 1 - p_down, p_down)


@lru_cache
def _orders_by_rising_pairs(n: int) -> Floats:
    """Of all orders of n values, the share that has 0, 1, 2, ... pairs in rising order."""
    shares = np.ones(1)
    for size in range(2, n + 1):
        shares = np.convolve(shares, np.full(size, 1 / size))
    return shares


def in_flight(start_s: Floats, end_s: Floats, edges_s: Floats) -> Floats:
    """Mean number of requests on their way in each of the spans between the edges; no end: still there."""
    # The integral of the number up to t: what all that began have waited, less what those that ended have.
    # What is NaN is sorted behind every edge, as what did not happen.
    held = _waited(start_s, edges_s) - _waited(end_s, edges_s)
    return np.diff(held) / np.diff(edges_s)


def _waited(instants_s: Floats, edges_s: Floats) -> Floats:
    """At each of the edges, which rise, how long in sum it has been since those of the instants before it."""
    counts, sums = np.zeros(edges_s.size + 1), np.zeros(edges_s.size + 1)
    for start in range(0, instants_s.size, _AT_A_TIME):
        part_s = instants_s[start : start + _AT_A_TIME]
        place = np.searchsorted(edges_s, part_s, side="right")
        counts += np.bincount(place, minlength=counts.size)
        sums += np.bincount(place, weights=part_s, minlength=sums.size)
    waited: Floats = counts[:-1].cumsum() * edges_s - sums[:-1].cumsum()
    return waited

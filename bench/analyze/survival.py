"""Durations of which only an interval is known: the curve of Kaplan and Meier in the form of Turnbull.

Each duration lies in (low, high]; high is infinite where it was not over when the watching ended. Where all
are exact or censored to the right this is the estimate of Kaplan and Meier itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from bench.metrics import Floats

MOST_ROUNDS = 100_000
GAIN = 1e-6
"""It ends when no other curve has a log-likelihood that is more than this above."""
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Bracket:
    """(low, high]: high is None where no end is known."""

    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """The curve rises by `share` somewhere in (low, high]; where, the data cannot say."""

    low: float
    high: float | None
    share: float


def curve(lows: Sequence[float] | Floats, highs: Sequence[float] | Floats) -> tuple[Step, ...]:
    """The nonparametric maximum likelihood estimate (Turnbull 1976), in the order of time.

    Shares sum to 1. By self-consistency, until the largest directional derivative bounds what could still
    be gained (Gentleman and Geyer 1994). Raises ValueError where an interval is empty or negative.
    """
    low, high = np.asarray(lows, dtype=np.float64), np.asarray(highs, dtype=np.float64)
    if not low.size:
        return ()
    if not (low.min() >= 0 and np.all(low < high)):
        raise ValueError("durations lie in (low, high] with 0 <= low < high")
    left, right = _innermost(low, high)
    inside = ((low[:, None] <= left) & (right <= high[:, None])).astype(np.float64)
    shares = _most_likely(inside)
    return tuple(
        Step(float(a), None if np.isinf(b) else float(b), float(share))
        for a, b, share in zip(left, right, shares, strict=True)
        if share > TIE
    )


def _innermost(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Where mass can lie: each low end that is followed by a high end with nothing between."""
    ends = np.concatenate([high, low])
    is_low = np.repeat([False, True], low.size)
    # At equal instants a high end comes first: it belongs to its interval, and the low end does not.
    order = np.lexsort((is_low, ends))
    ends, is_low = ends[order], is_low[order]
    at = np.flatnonzero(is_low[:-1] & ~is_low[1:])
    return ends[at], ends[at + 1]


def _most_likely(inside: Floats) -> Floats:
    count, places = inside.shape
    shares: Floats = np.full(places, 1 / places)
    for _ in range(MOST_ROUNDS):
        slopes = inside.T @ (1 / (inside @ shares))
        if slopes.max() - count <= GAIN:
            break
        shares = shares * slopes / count
    return shares


def quantile(steps: Sequence[Step], q: float) -> Bracket:
    """Where the curve reaches a share `q`.

    Where it is exactly `q` for a while, the middle between that step and the next, as is usual for the
    median. Raises ValueError for a curve without steps.
    """
    if not steps:
        raise ValueError("no duration is known")
    reached: npt.NDArray[np.float64] = np.cumsum([step.share for step in steps])
    at = min(int(np.searchsorted(reached, q - TIE)), len(steps) - 1)
    step = steps[at]
    if abs(reached[at] - q) > TIE or at + 1 == len(steps):
        return Bracket(step.low, step.high)
    after = steps[at + 1]
    high = None if step.high is None or after.high is None else (step.high + after.high) / 2
    return Bracket((step.low + after.low) / 2, high)


def assured(count: int, ended: int, confidence: float = 0.95) -> Floats:
    """The share that the k-th shortest of `count` durations is sure to cover, for k from 1 to `ended`.

    With this confidence no fewer than that share of all durations are no longer than the k-th shortest:
    P(Binomial(count, share) < k) = confidence, which for k = count is (1 - confidence) ** (1 / count). Those
    that did not end count as longer than any.
    """
    rank = np.arange(1, ended + 1)
    return np.asarray(betaincinv(rank, count - rank + 1, 1 - confidence), dtype=np.float64)


def covered(share: float) -> str:
    """A share as a quantile, never rounded up: of 0.549, p54."""
    return f"p{math.floor(share * 100 + TIE)}"


def bound(count: int, highs: Sequence[float], q: float, confidence: float = 0.95) -> float | None:
    """The shortest known end that covers the quantile `q` with this confidence; None where none does."""
    known = np.sort(np.asarray(highs, dtype=np.float64))
    covering = assured(count, known.size, confidence) >= q - TIE
    return float(known[np.argmax(covering)]) if covering.any() else None

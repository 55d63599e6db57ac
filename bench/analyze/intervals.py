"""Confidence intervals of a quantile: within one run (Q1), over several runs (Q2), and when one may be shown.

Requests of a run are not independent: a busy period slows all that fall into it. Q1 widens the binomial
interval by the effective number of requests. At high load a run sees a handful of busy periods and no
formula mends that, so whether an interval is shown is decided beforehand, from the planned load and the
number of requests, never from the same data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench.metrics import Floats, quantile

ONE_RUN_LOAD = 0.7
MANY_RUNS_LOAD = 0.9
ONE_RUN_BEYOND = 25
MANY_RUNS_BEYOND = 60
MANY_RUNS = 10
LEAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class Interval:
    """[low, high] in the unit of the values, at a two-sided confidence `level`; infinite where unbounded."""

    low: float
    high: float
    level: float = 0.95


def withheld(load: float | None, n: int, q: float, runs: int = 1) -> str | None:
    """Why no interval of quantile `q` is shown, in a sentence; None where it may be.

    `load`: the planned rate over the confirmed one, None where that is unknown. `n`: requests a run.
    """
    if load is None:
        return "load relative to capacity unknown"
    beyond = n * (1 - q) + 1e-9
    if load <= ONE_RUN_LOAD and beyond >= ONE_RUN_BEYOND:
        return None
    if runs >= MANY_RUNS and beyond >= MANY_RUNS_BEYOND and load <= MANY_RUNS_LOAD:
        return None
    if load > ONE_RUN_LOAD:
        return f"planned at {load:.0%} of the confirmed rate; one run tells up to {ONE_RUN_LOAD:.0%}"
    return f"{n} requests leave {beyond:.0f} beyond the quantile; {ONE_RUN_BEYOND} are needed"


def effective_size(indicator: Floats) -> float:
    """How many independent requests a correlated 0/1 series in send order is worth (1 to its length).

    n / (1 + 2 sum of autocorrelations), summed in pairs as long as a pair is positive (Geyer's rule).
    """
    n = indicator.size
    centred = indicator - indicator.mean()
    variance = float(centred @ centred) / n if n else 0.0
    if variance == 0:
        return float(n)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    rho = np.fft.irfft(spectrum * spectrum.conj(), size)[:n] / (n * variance)
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    inefficiency = 2 * float(pairs[: ends[0] if ends.size else None].sum()) - 1
    return min(float(n), max(1.0, n / max(inefficiency, 1 / n)))


def within_run(values: Floats, q: float, level: float = 0.95) -> Interval:
    """Q1: the interval of quantile `q` of one run; `values` in send order, infinite where never ended.

    Covers 93 % or more of the time at a nominal 95 % up to 0.7 of the confirmed rate, less above: see
    `withheld`.
    """
    return _ranked(
        np.sort(values), q, effective_size((values <= quantile(values, q)).astype(np.float64)), level
    )


def _ranked(known: Floats, q: float, size: float, level: float) -> Interval:
    """The binomial interval of `size` independent values, laid on the sorted ones.

    An end is open where so many may all lie on one side of the quantile.
    """
    if known.size == 0:
        return Interval(math.nan, math.nan, level)
    tail = (1 - level) / 2
    low = float(special.betaincinv(q * size, (1 - q) * size + 1, tail))
    high = float(special.betaincinv(q * size + 1, (1 - q) * size, 1 - tail))
    lowest = -math.inf if (1 - q) ** size > tail else _at_share(known, low)
    highest = math.inf if q**size > tail else _at_share(known, high)
    return Interval(lowest, highest, level)


def _at_share(known: Floats, share: float) -> float:
    """The value at a share; unbounded where so few values say nothing of it."""
    rank = math.ceil(share * known.size)
    if rank < 1 or share <= 0:
        return -math.inf
    return float(known[rank - 1]) if share < 1 else math.inf


def over_runs(runs: Sequence[Floats], q: float, level: float = 0.95) -> Interval:
    """Q2: the interval of quantile `q` over five or more runs of one condition.

    The share of each run below the pooled quantile varies from run to run; a t interval of that share (on
    the logit scale) is laid on the pooled values. Raises ValueError for fewer than five runs.
    """
    if len(runs) < LEAST_RUNS:
        raise ValueError(f"{len(runs)} runs are too few for an interval over runs; {LEAST_RUNS} are needed")
    known = np.sort(np.concatenate(runs))
    point = quantile(known, q)
    shares = np.array([np.mean(run <= point) for run in runs])
    error = float(shares.std(ddof=1)) / math.sqrt(len(runs)) / (q * (1 - q))
    reach = float(special.stdtrit(len(runs) - 1, (1 + level) / 2)) * error
    centre = math.log(q / (1 - q))
    low, high = (1 / (1 + math.exp(-(centre + step))) for step in (-reach, reach))
    return Interval(_at_share(known, low), _at_share(known, high), level)

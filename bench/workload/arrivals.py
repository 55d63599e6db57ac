"""When requests are due: instants in int64 nanoseconds from the start, in [0, duration)."""

import numpy as np
import numpy.typing as npt

from bench.scenario import ConstantArrivals, PoissonArrivals

Instants = npt.NDArray[np.int64]

NS_PER_S = 1_000_000_000


def constant(arrivals: ConstantArrivals, duration_s: float) -> Instants:
    """Every 1 / rate seconds, the first at 0; each instant is rounded to its nanosecond, so none drifts."""
    count = int(np.ceil(duration_s * arrivals.rate_per_s))
    instants = np.rint(np.arange(count) * (NS_PER_S / arrivals.rate_per_s)).astype(np.int64)
    return _before(duration_s, instants)


def poisson(arrivals: PoissonArrivals, duration_s: float, seed: int) -> Instants:
    """Independent exponential gaps with mean 1 / rate, the first gap before the first arrival.

    A longer duration keeps the arrivals of a shorter one: gaps are drawn in order from one stream.
    """
    rng = np.random.default_rng([seed, _STREAM])
    chunks: list[npt.NDArray[np.float64]] = []
    end_s = 0.0
    while end_s < duration_s:
        chunk = end_s + np.cumsum(rng.exponential(1 / arrivals.rate_per_s, _CHUNK))
        chunks.append(chunk)
        end_s = float(chunk[-1])
    instants = np.floor(np.concatenate(chunks) * NS_PER_S).astype(np.int64)
    return _before(duration_s, instants)


def _before(duration_s: float, instants: Instants) -> Instants:
    kept: Instants = instants[instants < duration_s * NS_PER_S]
    return kept


_STREAM = 0xA221
_CHUNK = 4096

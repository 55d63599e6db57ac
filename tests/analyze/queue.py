"""A queue whose truth is known: Poisson arrivals, 32 servers, first come first served, log-normal service.

Its quantiles need no formula: they are taken from one very long run.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SERVERS = 32
MEAN_SERVICE_S = 5.0
_CV = 0.95


@dataclass(frozen=True)
class Traffic:
    """What arrives: instants (s), service and prefill times (s) of each request."""

    arrival_s: Floats
    service_s: Floats
    prefill_s: Floats


@dataclass(frozen=True)
class Served:
    """What became of it: waits and totals since the arrival (s)."""

    arrival_s: Floats
    ttft_s: Floats
    e2e_s: Floats


def traffic(random: np.random.Generator, n: int, load: float) -> Traffic:
    """`n` requests at a share of the servers' capacity."""
    rate_per_s = load * SERVERS / MEAN_SERVICE_S
    sigma = np.sqrt(np.log1p(_CV**2))
    return Traffic(
        np.cumsum(random.exponential(1 / rate_per_s, n)),
        random.lognormal(np.log(MEAN_SERVICE_S) - sigma**2 / 2, sigma, n),
        random.lognormal(np.log(0.2), 0.6, n),
    )


def serve(asked: Traffic, slowness: float = 1.0, warmup: int = 300) -> Served:
    """First come, first served; everything takes `slowness` times as long. The first `warmup` are dropped."""
    free = [0.0] * SERVERS
    begun = np.empty(asked.arrival_s.size)
    for i, (at, work) in enumerate(
        zip(asked.arrival_s.tolist(), (asked.service_s * slowness).tolist(), strict=True)
    ):
        begun[i] = max(at, free[0])
        heapq.heapreplace(free, begun[i] + work)
    wait_s = begun - asked.arrival_s
    kept = slice(warmup, None)
    ttft_s, e2e_s = wait_s + asked.prefill_s * slowness, wait_s + asked.service_s * slowness
    return Served(asked.arrival_s[kept], ttft_s[kept], e2e_s[kept])

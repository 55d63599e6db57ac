"""Demands whose shape is known: a day with a mean, a peak and bursts, made to measure."""

import numpy as np
from scipy.optimize import brentq

from bench.analyze.plan import Capacities, Capacity, Demand, Prices
from bench.metrics import Floats

MEAN_PER_S = 10.3
PEAK_PER_S = 33.1
OUT_TOKENS = 180.0
_BURSTS_AT_MIN = (9 * 60 + 30, 14 * 60 + 10, 19 * 60 + 45)
_BURST_MIN, _BURST = 20, 1.5


def day(mean_per_s: float = MEAN_PER_S, peak_per_s: float = PEAK_PER_S) -> Demand:
    """A day in minutes with one hump and three bursts of 20 min times 1.5, of that mean and that peak."""
    hour = np.arange(1440) / 60
    bursts = np.ones(1440)
    for start in _BURSTS_AT_MIN:
        bursts[start : start + _BURST_MIN] = _BURST

    def shape(steepness: float) -> Floats:
        raw = np.exp(steepness * np.cos((hour - 15) / 24 * 2 * np.pi)) * bursts
        found: Floats = raw / raw.mean()
        return found

    ratio = peak_per_s / mean_per_s
    steepness = brentq(lambda steep: float(shape(steep).max()) - ratio, 0.0, 5.0)
    rate = mean_per_s * shape(steepness)
    return Demand(60.0, {"rate_per_s": rate}, rate * OUT_TOKENS)


CAPACITIES = Capacities(
    slo="95 % of requests with TTFT <= 1 s",
    out_tokens=OUT_TOKENS,
    profiles={
        "l4": Capacity(rate_per_s=1.90, start_s=240),
        "a100-40gb": Capacity(rate_per_s=9.5, start_s=420),
    },
)
PRICES = Prices.model_validate({"profiles": {"l4": 0.80, "a100-40gb": 3.70}})


def small_day(seed: int) -> Demand:
    """Four hours in steps of 2 min, a wave with jumps and noise, that a handful of replicas serve."""
    random = np.random.default_rng(seed)
    minutes = 2 * np.arange(120)
    wave = 1 + random.uniform(0.2, 0.8) * np.sin(
        2 * np.pi * (minutes / random.uniform(90, 400) + random.random())
    )
    for start in random.integers(5, 110, 2):
        wave[start : start + random.integers(4, 12)] *= random.uniform(1.1, 1.8)
    rate = random.uniform(1.5, 4.0) * wave * random.lognormal(0, 0.04, 120)
    return Demand(120.0, {"rate_per_s": rate}, rate * OUT_TOKENS)

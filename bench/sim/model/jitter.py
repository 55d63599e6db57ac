"""How much the lengths of steps and batches vary around what the hardware needs."""

from math import exp
from random import Random


class Jitter:
    """Lognormal with this sigma (0 for none) and mean 1; never shorter than the floor of what it varies."""

    def __init__(self, rng: Random, sigma: float) -> None:
        self._rng = rng
        self._sigma = sigma

    def drawn_s(self, mean_s: float, floor_s: float = 0.0) -> float:
        """Seconds that something with this mean takes this time."""
        if not self._sigma:
            return mean_s
        return max(floor_s, mean_s * exp(self._rng.gauss(-(self._sigma**2) / 2, self._sigma)))

"""How long a worker takes from nothing to service.

Phases and their lengths: `gpu-model.md` sections 3 and 6 (node median 180 s with a 5-95 % range of about
120 to 300 s, container 20-40 s, weights and engine 10-120 s; 3 to 7 minutes together).
"""

from math import exp
from random import Random

_NODE_MEDIAN_S = 180.0
_NODE_SIGMA = 0.28
_CONTAINER_S = 30.0
_ENGINE_S = 30.0


def cold_start_ns(rng: Random, scale: float) -> int:
    """Length of one cold start in ns; only the node phase varies, `scale` shortens all phases."""
    node_s = _NODE_MEDIAN_S * exp(rng.gauss(0.0, _NODE_SIGMA))
    return round((node_s + _CONTAINER_S + _ENGINE_S) * scale * 1e9)

"""How long a worker takes from nothing to service: node, container, weights and engine one after the other.

The maker tells 2 to 5 minutes for a node, 20 to 40 s for a container and 10 to 120 s for a model, together 3
to 7 minutes; measured engine starts with cached weights (16 GB) take 15 to 60 s after 18 s of reading them.
"""

from math import exp
from random import Random

_NODE_MEDIAN_S = 180.0
_NODE_SIGMA = 0.28
_SPOT_FACTOR = 1.3
_CONTAINER_S = (20.0, 40.0)
_WEIGHTS_S = 16.0
"""8 GB from a local disk at 500 MB/s."""
_ENGINE_S = (15.0, 60.0)


def cold_start_ns(rng: Random, scale: float, *, spot: bool = False) -> int:
    """Length of one cold start in ns, all of it multiplied by `scale`; a spot node takes longer to come."""
    node_s = _NODE_MEDIAN_S * exp(rng.gauss(0.0, _NODE_SIGMA)) * (_SPOT_FACTOR if spot else 1.0)
    engine_s = _WEIGHTS_S + rng.uniform(*_ENGINE_S)
    return round((node_s + rng.uniform(*_CONTAINER_S) + engine_s) * scale * 1e9)

"""Systems whose sustainable rate is known, and a search that is led to its end on them."""

from collections.abc import Callable

import numpy as np

from bench.experiment import Found, Probe, Search, Tried
from tests.analyze.queue import MEAN_SERVICE_S, SERVERS, serve, traffic

CAPACITY_PER_S = SERVERS / MEAN_SERVICE_S
LIMIT_S = 1.0
TRUE_PER_S = 0.784 * CAPACITY_PER_S
"""Of the queue: 95 % of the requests have their first token within 1 s; from runs of a million requests."""

System = Callable[[Probe], Tried]


def queue(salt: int, requests: int = 1500) -> System:
    """The queue, asked at a rate; the burst finds its physical capacity."""

    def run(probe: Probe) -> Tried:
        if probe.rate_per_s is None:
            return Tried(stage="ceiling", rate_per_s=CAPACITY_PER_S, seed=probe.seed)
        random = np.random.default_rng([salt, probe.seed])
        served = serve(traffic(random, requests + 300, probe.rate_per_s / CAPACITY_PER_S))
        share = float((served.ttft_s <= LIMIT_S).mean())
        return _tried(probe, share, requests)

    return run


def curve(
    true_per_s: float, salt: int = 1, target: float = 0.95, ceiling_per_s: float | None = None
) -> System:
    """Attainment falls along a steep curve through the target at the true rate, with noise between runs."""

    def run(probe: Probe) -> Tried:
        if probe.rate_per_s is None:
            return Tried(stage="ceiling", rate_per_s=ceiling_per_s or 1.3 * true_per_s, seed=probe.seed)
        random = np.random.default_rng([salt, probe.seed])
        above = np.log(probe.rate_per_s / true_per_s)
        logit = np.log(target / (1 - target)) - 12 * above + random.normal(0, 0.3)
        return _tried(probe, random.binomial(1500, 1 / (1 + np.exp(-logit))) / 1500, 1500)

    return run


def _tried(probe: Probe, share: float, offered: int) -> Tried:
    rate_per_s = probe.rate_per_s or 0.0
    return Tried(stage=probe.stage, rate_per_s=rate_per_s, seed=probe.seed, attainment=share, offered=offered)


def led(search: Search, system: System) -> tuple[Found, list[Tried]]:
    """To the end; a search that does not end is a fault."""
    done: list[Tried] = []
    while isinstance(step := search.next(done), Probe):
        done.append(system(step))
        assert len(done) < 200
    return step, done

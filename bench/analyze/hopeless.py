"""Is it certain, while a run goes on, that its target cannot keep up? From counts that come once a second."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

BATCHES = 20
SURE = 0.001
KEPT_UP = 0.9


class Count(NamedTuple):
    """By one instant (s from the start): requests sent so far, and those of them that have not ended."""

    at_s: float
    sent: int
    in_flight: int


def hopeless(counts: Sequence[Count]) -> bool:
    """Whether the backlog rises over 20 batch means, and less than 0.9 of what comes ends: p < 0.001 each.

    `counts` are of the measurement window so far, one a batch at least; before that it is never certain.
    """
    if len(counts) < BATCHES:
        return False
    sent = counts[-1].sent - counts[0].sent
    ended = sent - (counts[-1].in_flight - counts[0].in_flight)
    # Of few requests that many are left over by chance: arrivals and ends each vary by their root.
    if sent - ended <= (1 - KEPT_UP) * sent + stats.norm.isf(SURE) * np.sqrt(2 * sent):
        return False
    backlog = [float(np.mean(part)) for part in np.array_split([one.in_flight for one in counts], BATCHES)]
    fit = stats.linregress(np.arange(BATCHES), backlog, alternative="greater")
    return bool(fit.pvalue < SURE)

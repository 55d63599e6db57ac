"""Requests that belong together, and how far model and measurement are apart in each such cell.

A single request says little: whether it comes just before or just after a step decides on a whole step.  So
the requests of a run, a model and a metric are sorted by what matters for the metric (TTFT by the length of
the prompt, TPOT by how many answers were under way, whole replies by their size) and cut into cells; the mean
of the logarithms in a cell changes smoothly with the parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.metrics import Floats
from bench.virtual.fit.observe import METRICS, Observed

Seconds = Mapping[str, Floats]

_MOST_CELLS = 6
_FEWEST_REQUESTS = 15
"""In a cell, where the run has more than one."""
_ALONE = 0.05
"""How sure one request is."""
FLOOR = {"ttft_sent": 0.03, "tpot": 0.005, "e2e_sent": 0.02}
"""What the model is at best wrong by, as a share: queueing magnifies errors of TTFT, not those of TPOT."""
WAY_S = 1e-3
"""How much the way to the machine and back may take, which the model has not: a tenth of a short encode."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Some requests of one run, the mean of the logarithms of their seconds, and what it is uncertain by."""

    run: int
    metric: str
    at: npt.NDArray[np.intp]
    mean: float
    error: float

    @property
    def way(self) -> float:
        """By how much a way of `WAY_S` raises the mean, in units of its error; no token waits for it."""
        return 0.0 if self.metric == "tpot" else WAY_S / float(np.exp(self.mean)) / self.error


def cells_of(runs: Sequence[Observed], replays: Sequence[Seconds]) -> tuple[Cell, ...]:
    """All cells of these runs; how far single requests are from a first replay tells how sure a mean is."""
    return tuple(
        cell
        for number, (run, first) in enumerate(zip(runs, replays, strict=True))
        for cell in _cells(number, run, first)
    )


def modelled(cells: Sequence[Cell], replays: Sequence[Seconds]) -> Floats:
    """The same means of replayed runs, one a cell; that of the measurement where the model has none."""
    means = [_mean_log(replays[cell.run][cell.metric][cell.at]) for cell in cells]
    return np.array([cell.mean if np.isnan(mean) else mean for cell, mean in zip(cells, means, strict=True)])


def _cells(number: int, run: Observed, first: Seconds) -> Iterator[Cell]:
    models = np.array([job.model for job in run.jobs])
    for metric in METRICS:
        seconds = run.seconds[metric]
        apart = np.log(np.where(seconds > 0, seconds, np.nan) / first[metric])
        for model in sorted(set(models)):
            at = np.flatnonzero((models == model) & (seconds > 0))
            at = at[np.argsort(_key(run, metric)[at], kind="stable")]
            count = int(np.clip(at.size // _FEWEST_REQUESTS, 1, _MOST_CELLS))
            for part in np.array_split(at, count) if at.size else ():
                yield Cell(number, metric, part, _mean_log(seconds[part]), _error(metric, apart[part]))


def _error(metric: str, apart: Floats) -> float:
    known = apart[~np.isnan(apart)]
    sampling = float(np.std(known)) / len(known) ** 0.5 if len(known) > 1 else _ALONE
    return float(np.hypot(FLOOR[metric], sampling))


def _key(run: Observed, metric: str) -> Floats:
    """What requests are sorted by."""
    if metric == "tpot":
        return run.occupancy
    if metric == "ttft_sent":
        return np.array([job.prompt_tokens for job in run.jobs], np.float64)
    return np.array([job.longest_tokens + sum(job.item_tokens) for job in run.jobs], np.float64)


def _mean_log(seconds: Floats) -> float:
    known = seconds[seconds > 0]
    return float(np.mean(np.log(known))) if known.size else np.nan

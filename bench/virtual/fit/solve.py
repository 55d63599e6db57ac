"""Least squares over the parameters of a profile.

The residual of a cell is the distance between the logarithms of what was measured and of what the model says,
in units of the cell's own uncertainty.  What all cells may owe to the way to the machine, some `WAY_S` that
nobody measured, is an error that they have in common and is taken out of them.  Derivatives are central
differences over a few percent: a step that a request just misses makes the model jumpy on a finer scale.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from bench.metrics import Floats
from bench.sim.model import Catalog, Chip
from bench.virtual.fit.cells import WAY_S, Seconds, cells_of, modelled
from bench.virtual.fit.observe import Observed
from bench.virtual.fit.parameters import PARAMETERS, Parameter, changed
from bench.virtual.fit.replay import replay
from bench.virtual.fit.sensitivity import Effect, Sensitivity, Untold, sensitivity

SEEDS = (1, 2, 3)
"""Of the steps' jitter; the mean over several is smoother, and their spread is the noise."""
_STEP = 0.04
_NEAR = 0.1
"""Derivatives hold so far around where they were taken."""
_OUTLIER = 10.0
"""Residuals beyond this pull no harder: the start may be an overload that the measurement was not."""
_PRECISION = 1e-3
_MOST_TRIES = 15


@dataclass(frozen=True, slots=True)
class Solution:
    """The fitted chip, the standard error of each parameter as a share of its value, and who was held."""

    chip: Chip
    errors: Mapping[str, float]
    untold: tuple[Untold, ...]
    misfit: float
    """Root mean square of the residuals: 1 where the model is as wrong as it was expected to be."""
    way_s: float
    """What the way there and back seems to take, beside what the model says."""


class Problem:
    """Runs, and the chip from which the search begins; `said` is called after each look at all runs."""

    def __init__(
        self, runs: Sequence[Observed], chip: Chip, catalog: Catalog, said: Callable[[], None] = lambda: None
    ) -> None:
        self.chip = chip
        self._runs, self._catalog, self._said = runs, catalog, said
        self.look(chip)

    def look(self, chip: Chip) -> None:
        """Weigh the cells anew by how well this chip explains what is in them."""
        self._cells = cells_of(self._runs, self._replays(chip, SEEDS[0]))
        self._measured = np.array([cell.mean for cell in self._cells])
        self._errors = np.array([cell.error for cell in self._cells])
        self._way = np.array([cell.way for cell in self._cells])

    def residuals(self, chip: Chip) -> Floats:
        """A row a seed, a column a cell; multiplied by C^(-1/2) of their covariance C = 1 + way way^T."""
        apart, squared = self._apart(chip), float(self._way @ self._way)
        share = (1 - (1 + squared) ** -0.5) / squared if squared else 0.0
        residuals: Floats = apart - share * np.outer(apart @ self._way, self._way)
        return residuals

    def way_s(self, chip: Chip) -> float:
        """What the way there and back most likely takes, if this is the chip."""
        owed = -float(self._apart(chip).mean(axis=0) @ self._way)
        return WAY_S * owed / (1 + float(self._way @ self._way))

    def _apart(self, chip: Chip) -> Floats:
        means = np.array([modelled(self._cells, self._replays(chip, seed)) for seed in SEEDS])
        apart: Floats = (means - self._measured) / self._errors
        return apart

    def effect(self, parameter: Parameter, chip: Chip) -> Effect:
        """Of one parameter, over as wide a step as its bounds allow; none where nothing of its kind ran."""
        if not any(bool(job.item_tokens) == parameter.items for run in self._runs for job in run.jobs):
            return Effect(np.zeros(len(self._cells)), 0.0)
        lowest, highest = parameter.bounds
        here = _inner(parameter, chip)
        low, high = max(lowest, here - _STEP), min(highest, here + _STEP)
        before, after = (self.residuals(_with(chip, (parameter,), (inner,))) for inner in (low, high))
        columns = (after - before) / (high - low)
        noise = float(np.sum(np.var(columns, axis=0, ddof=1))) / len(SEEDS)
        return Effect(columns.mean(axis=0), noise)

    def _replays(self, chip: Chip, seed: int) -> list[Seconds]:
        self._said()
        return [replay(run, chip, self._catalog, seed) for run in self._runs]


def solve(problem: Problem, names: Iterable[str]) -> Solution:
    """Fit what the runs can tell of these. The second round has weights and derivatives from near the end."""
    wanted = [PARAMETERS[name] for name in PARAMETERS if name in set(names)]
    chip, told = problem.chip, Sensitivity((), {}, ())
    for _ in range(2):
        effects = {p: problem.effect(p, chip) for p in wanted}
        told = sensitivity(effects, _values(chip))
        chip = _search(problem, chip, {p: effects[p] for p in told.told})
        problem.look(chip)
    residuals = problem.residuals(chip).mean(axis=0)
    misfit = float(np.sqrt(np.sum(residuals**2) / max(1, len(residuals) - len(told.told))))
    errors = {name: error * max(1.0, misfit) for name, error in told.errors.items()}
    return Solution(chip, errors, told.untold, misfit, problem.way_s(chip))


def _search(problem: Problem, near: Chip, effects: Mapping[Parameter, Effect]) -> Chip:
    """The chip that fits best, all but the parameters with effects as the problem has them."""
    free = tuple(effects)
    if not free:
        return problem.chip
    lows, highs = np.transpose([p.bounds for p in free])
    margin = (highs - lows) * 1e-3
    start = np.clip([_inner(p, near) for p in free], lows + margin, highs - margin)
    slope = _Slope(problem, free, start, effects)

    def apart(inner: Floats) -> Floats:
        mean: Floats = problem.residuals(_with(problem.chip, free, inner)).mean(axis=0)
        return mean

    found = least_squares(
        apart,
        start,
        jac=slope,
        bounds=(lows, highs),
        loss="soft_l1",
        f_scale=_OUTLIER,
        xtol=_PRECISION,
        ftol=_PRECISION,
        max_nfev=_MOST_TRIES,
    )
    return _with(problem.chip, free, found.x)


class _Slope:
    """The Jacobian, taken anew only where the search has come far."""

    def __init__(
        self, problem: Problem, free: Sequence[Parameter], start: Floats, effects: Mapping[Parameter, Effect]
    ) -> None:
        self._problem, self._free, self._at = problem, free, start
        self._jacobian = np.column_stack([effect.column for effect in effects.values()])

    def __call__(self, inner: Floats) -> Floats:
        if np.max(np.abs(inner - self._at)) > _NEAR:
            chip = _with(self._problem.chip, self._free, inner)
            self._at = np.array(inner)
            self._jacobian = np.column_stack([self._problem.effect(p, chip).column for p in self._free])
        return self._jacobian


def _inner(parameter: Parameter, chip: Chip) -> float:
    return parameter.inner(max(getattr(chip, parameter.name), parameter.lowest))


def _with(chip: Chip, parameters: Sequence[Parameter], inner: Iterable[float]) -> Chip:
    values = {p.name: p.outer(float(x)) for p, x in zip(parameters, inner, strict=True)}
    return changed(chip, values)


def _values(chip: Chip) -> dict[str, float]:
    return {name: getattr(chip, name) for name in PARAMETERS}

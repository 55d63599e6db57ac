"""Which parameters the runs can tell, from how the residuals change with each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrics import Floats
from bench.virtual.fit.parameters import Parameter

_ALIKE = 0.9
"""Two parameters with this cosine or more between their effects are confused."""


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """The derivatives of all residuals by one parameter, and the squared length of what in them is noise."""

    column: Floats
    noise: float


@dataclass(frozen=True, slots=True)
class Untold:
    """A parameter that the runs cannot tell: its error (share) if fitted, and with which it is confused."""

    name: str
    error: float
    like: str


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The parameters worth fitting, the standard error of each as a share of its value, and the others."""

    told: tuple[Parameter, ...]
    errors: Mapping[str, float]
    untold: tuple[Untold, ...]


def sensitivity(effects: Mapping[Parameter, Effect], values: Mapping[str, float]) -> Sensitivity:
    """Hold one parameter after the other, the least important first, until the rest is told well enough."""
    told, untold = list(effects), list[Untold]()
    while True:
        errors = {p: _error(p, told, effects, values[p.name]) for p in told}
        unsure = [p for p in told if errors[p] > p.told_below]
        if not unsure:
            return Sensitivity(tuple(told), {p.name: errors[p] for p in told}, tuple(reversed(untold)))
        lost, like = _held(unsure[-1], told, effects)
        untold.append(Untold(lost.name, errors[lost], like.name if like else ""))
        told.remove(lost)


def _error(
    parameter: Parameter, together: Sequence[Parameter], effects: Mapping[Parameter, Effect], value: float
) -> float:
    """Of one fitted together with others: from the part of its effect that no other has, less noise."""
    own = effects[parameter]
    others = [effects[p].column for p in together if p is not parameter]
    rest = np.column_stack(others) if others else np.zeros((len(own.column), 0))
    alone = own.column - rest @ np.linalg.lstsq(rest, own.column)[0]
    squared = float(alone @ alone) - own.noise
    return parameter.relative_error(value, squared**-0.5) if squared > 0 else float("inf")


def _held(
    unsure: Parameter, told: Sequence[Parameter], effects: Mapping[Parameter, Effect]
) -> tuple[Parameter, Parameter | None]:
    """Whom to hold for an unsure one, itself or one that matters less; and with whom it is confused."""
    alike = {p: _cosine(effects[unsure].column, effects[p].column) for p in told if p is not unsure}
    like = max(alike, key=lambda p: alike[p], default=None)
    if like is None or alike[like] < _ALIKE:
        return unsure, None
    return (unsure, like) if told.index(like) < told.index(unsure) else (like, unsure)


def _cosine(a: Floats, b: Floats) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return abs(float(a @ b)) / lengths if lengths else 0.0

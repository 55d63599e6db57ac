"""What a fit may turn: the efficiencies of a machine profile, and on demand its overheads.

An efficiency is fitted as its logarithm, so that errors are relative; an overhead, which may be 0, in units
of `scale`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, log
from typing import Any

from bench.sim.model import Chip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a machine profile. The table below is in the order of importance."""

    name: str
    tells: str
    """Which runs tell it, to be read after "needs"."""
    lowest: float
    highest: float
    scale: float = 0.0
    """How much of it is a lot, in its unit; 0 for those that are fitted as logarithms."""
    told_below: float = 0.10
    """It counts as told by the runs if its standard error is below this share of its value."""
    overhead: bool = False
    items: bool = False
    """Whether it concerns encode, score and extract, and not generation."""

    def inner(self, value: float) -> float:
        """The number that the solver turns."""
        return value / self.scale if self.scale else log(value)

    def outer(self, inner: float) -> float:
        """What stands in the profile."""
        outer = inner * self.scale if self.scale else exp(inner)
        return min(self.highest, max(self.lowest, outer))

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the number that the solver turns."""
        return self.inner(self.lowest), self.inner(self.highest)

    def relative_error(self, value: float, inner_error: float) -> float:
        """A standard error as a share of the value; of an overhead near 0, of a tenth of its scale."""
        return inner_error * self.scale / max(value, self.scale / 10) if self.scale else inner_error


def _efficiency(name: str, tells: str, lowest: float = 0.02, told_below: float = 0.10) -> Parameter:
    return Parameter(name, tells, lowest, 1.0, told_below=told_below)


def _overhead(name: str, tells: str, highest: float, scale: float, *, items: bool = False) -> Parameter:
    return Parameter(name, tells, 0.0, highest, scale, told_below=0.25, overhead=True, items=items)


_ALL = (
    _efficiency("memory_efficiency", "streamed answers of many tokens"),
    _efficiency("compute_efficiency", "long prompts, or many answers at once"),
    Parameter("encoder_efficiency", "encode, score or extract with long items", 0.01, 1.0, items=True),
    _efficiency("cache_efficiency", "many answers at once after long prompts", told_below=0.05),
    _efficiency("attention_efficiency", "prompts of some and of many thousand tokens", told_below=0.05),
    _overhead("front_end_base_s", "answers to short prompts at low load", highest=2.0, scale=5e-2),
    _overhead("step_overhead_s", "models of very different sizes", highest=0.2, scale=1e-2),
    _overhead("sequence_overhead_s", "both few and many answers at once", highest=0.01, scale=2e-4),
    _overhead("front_end_serial_s", "requests that come together", highest=0.5, scale=1e-2),
    _overhead("batch_overhead_s", "one short item at low load", highest=1.0, scale=2e-2, items=True),
    _overhead("item_overhead_s", "many short items a request", highest=0.1, scale=2e-4, items=True),
)

PARAMETERS = {parameter.name: parameter for parameter in _ALL}
OVERHEADS = tuple(parameter.name for parameter in _ALL if parameter.overhead)


def fitted_by_default() -> tuple[str, ...]:
    """The efficiencies; overheads are held unless they are asked for."""
    return tuple(parameter.name for parameter in _ALL if not parameter.overhead)


def changed(chip: Chip, values: Mapping[str, float]) -> Chip:
    """The chip with other values of some parameters."""
    changes: dict[str, Any] = dict(values)
    return replace(chip, **changes)

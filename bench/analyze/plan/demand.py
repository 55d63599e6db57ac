"""How much is asked for over time, and how fast it grows."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import maximum_filter1d

from bench.analyze.plan.faults import PlanError
from bench.metrics import NS_PER_S, Floats

DAY_S = 86_400
LONGEST_STEP_S = 60.0
MOST_STEPS = 100_000
START = "start_s"
RATE = "rate_per_s"
TOKENS = "out_tokens"


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Steps of equal length: requests/s of each traffic class, and output tokens/s (None: not told)."""

    step_s: float
    classes: dict[str, Floats]
    out_tokens_per_s: Floats | None = None

    @property
    def rate_per_s(self) -> Floats:
        """All classes together."""
        total: Floats = np.sum(list(self.classes.values()), axis=0)
        return total

    @property
    def length_s(self) -> float:
        """From the first step to the end of the last."""
        return self.step_s * len(self.rate_per_s)


def of_trace(
    due_ns: np.ndarray[tuple[int], np.dtype[np.int64]],
    out_tokens: np.ndarray[tuple[int], np.dtype[np.int32]],
    step_s: float | None = None,
) -> Demand:
    """Count recorded requests by step; a last step that is not full is left out. Raises PlanError."""
    step_s = step_s or LONGEST_STEP_S
    count = int(due_ns[-1] // (step_s * NS_PER_S))
    if count < 1:
        raise PlanError(f"the trace lasts {due_ns[-1] / NS_PER_S:.0f} s, less than a step of {step_s:g} s")
    _refuse_too_many(count, step_s)
    bins = (due_ns // (step_s * NS_PER_S)).astype(np.int64)
    kept = bins < count
    requests = np.bincount(bins[kept], minlength=count) / step_s
    tokens = np.bincount(bins[kept], weights=out_tokens[kept], minlength=count) / step_s
    return Demand(step_s, {RATE: requests.astype(np.float64)}, tokens)


def read_rates(file: Path, step_s: float | None = None) -> Demand:
    """A rate table: `start_s`, then `rate_per_s` or a column for each traffic class; maybe `out_tokens`.

    A row holds from its start to the next; the last as long as the one before. Raises PlanError.
    """
    table = _numbers(file)
    starts = table[START].to_numpy(dtype=np.float64)
    if len(starts) < 2 or (np.diff(starts) <= 0).any():
        raise PlanError(f"{file}: {START} must rise from row to row, over two rows at least")
    edges = np.append(starts, 2 * starts[-1] - starts[-2])
    step_s = step_s or min(LONGEST_STEP_S, float(np.diff(edges).min()))
    count = int(round((edges[-1] - edges[0]) / step_s, 6))
    _refuse_too_many(count, step_s)
    at = edges[0] + step_s * np.arange(count + 1)
    named = [name for name in table.columns if name not in (START, TOKENS)]
    classes = {name: _resampled(edges, table[name].to_numpy(dtype=np.float64), at) for name in named}
    if TOKENS not in table:
        return Demand(step_s, classes)
    tokens = (table[named].sum(axis=1) * table[TOKENS]).to_numpy(dtype=np.float64)
    return Demand(step_s, classes, _resampled(edges, tokens, at))


def _numbers(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, skipinitialspace=True)
    except OSError as error:
        raise PlanError(f"{file}: cannot be read: {error.strerror}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise PlanError(f"{file}: is no CSV file in UTF-8: {error}") from None
    named = set(table.columns) - {START, TOKENS}
    if START not in table or not named or (RATE in named and len(named) > 1):
        raise PlanError(
            f"{file}: its header is {','.join(map(str, table.columns))!r}; a rate table has {START},{RATE} "
            f"or {START} and a column for each traffic class, and maybe {TOKENS}"
        )
    for name in table.columns:
        column = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
        wrong = ~np.isfinite(column) | (column < 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise PlanError(
                f"{file}:{row + 2}: {name}: {str(table[name].iloc[row])!r} is no number of 0 or more"
            )
    return table.astype(np.float64)


def _resampled(edges: Floats, rates: Floats, at: Floats) -> Floats:
    """Mean rates of the new steps: the same total."""
    total = np.concatenate([[0.0], np.cumsum(rates * np.diff(edges))])
    found: Floats = np.diff(np.interp(at, edges, total)) / np.diff(at)
    return found


def _refuse_too_many(count: int, step_s: float) -> None:
    if count > MOST_STEPS:
        raise PlanError(
            f"{count:,} steps of {step_s:g} s; {MOST_STEPS:,} can be planned: --step {step_s * 10:g}"
        )


def growth(demand: Demand, within_s: float, quantile: float) -> float:
    """G: the quantile over time of how many times the present demand comes within that time; 1 or more.

    Steps without any demand have no ratio and are left out.
    """
    now = demand.rate_per_s
    ahead = leading_max(now, steps_in(within_s, demand.step_s) + 1)
    asked = now > 0
    if not asked.any():
        raise PlanError("nothing is asked for at any time: there is nothing to plan")
    return float(np.quantile(ahead[asked] / now[asked], quantile, method="inverted_cdf"))


def steps_in(span_s: float, step_s: float) -> int:
    """How many steps a span takes; a part of one counts as one."""
    return int(np.ceil(span_s / step_s - 1e-9))


Numbers = TypeVar("Numbers", npt.NDArray[np.float64], npt.NDArray[np.int64])


def trailing_max(values: Numbers, steps: int) -> Numbers:
    """The highest of each value and those before it, `steps` in all; before the first it was as the first."""
    found: Numbers = maximum_filter1d(values, steps, mode="nearest", origin=(steps - 1) // 2)
    return found


def trailing_min(values: Numbers, steps: int) -> Numbers:
    """The lowest of each value and those before it, `steps` in all."""
    found: Numbers = -trailing_max(-values, steps)
    return found


def leading_max(values: Numbers, steps: int) -> Numbers:
    """The highest of each value and those after it, `steps` in all."""
    found: Numbers = trailing_max(values[::-1], steps)[::-1]
    return found

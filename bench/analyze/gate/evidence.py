"""What a report of pairs shows beside the verdict: the runs behind it, and frames for its figures.

Changes are shares of the baseline (points as a share where the metric is a share); positive is worse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError
from scipy import special

from bench.analyze.gate.judge import bound_of, change_of
from bench.analyze.gate.load import made
from bench.analyze.gate.noise import NoiseReport
from bench.analyze.gate.paired import paired
from bench.analyze.gate.policy import Policy, Watched
from bench.analyze.gate.power import smallest_shift
from bench.analyze.gate.report import GateReport
from bench.analyze.gate.table import Arm
from bench.analyze.latency import ranked_values
from bench.analyze.measure import measured
from bench.analyze.run import AnalysisError, load
from bench.analyze.summary import Summary, summarise
from bench.analyze.window import Value
from bench.metrics import Floats, quantiles, resolved
from bench.record import RunInfo

T = TypeVar("T", bound=Value)

SHOWN = ("ttft", "tpot", "e2e")
LEVELS = tuple(percent / 100 for percent in range(1, 100))
LEAST_SHIFTED = 0.05
MOST_PAIRS_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One run of an experiment: what it was, its numbers, and for each of `SHOWN` its quantiles at `LEVELS`.

    Quantiles are in seconds: NaN with fewer than ten requests beyond, infinite among those without end.
    """

    pair: int
    arm: Arm
    place: int
    info: RunInfo
    summary: Summary
    curves: Mapping[str, Floats]


def load_evidence(folder: Path) -> list[Evidence]:
    """Every run that was made, in the order in which they were planned. Raises AnalysisError."""
    found = []
    for one in made(folder):
        run = load(one.folder)
        frame = measured(run)
        inside = frame["in_window"].to_numpy()
        curves = {metric: _curve(*ranked_values(frame, inside, metric)) for metric in SHOWN}
        found.append(Evidence(one.pair, one.arm, one.place, run.info, summarise(run, frame), curves))
    return found


def _curve(values: Floats, larger: int) -> Floats:
    n = values.size + larger
    known = np.array(quantiles(values, LEVELS, larger))
    return np.where([resolved(n, q) and resolved(n, 1 - q) for q in LEVELS], known, np.nan)


def read_gate(folder: Path) -> GateReport:
    """The verdict in gate.json. Raises AnalysisError."""
    return _read(GateReport, folder / "gate.json", f"bench gate {folder}")


def read_noise(folder: Path) -> NoiseReport:
    """The noise in noise.json. Raises AnalysisError."""
    return _read(NoiseReport, folder / "noise.json", f"bench aa ... --resume {folder}")


def _read(kind: type[T], file: Path, command: str) -> T:
    try:
        return kind.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError:
        raise AnalysisError(f"{file} is not there: run `{command}`") from None
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise AnalysisError(f"{file} is not readable ({why}): run `{command}` again") from None


def changes(policy: Policy, differences: Mapping[str, Sequence[float]], pairs: Sequence[int]) -> pd.DataFrame:
    """A row a pair, a column a metric: the change of each pair."""
    watched = {one.name: one for one in policy.metrics}
    columns = {
        name: [change_of(watched[name], one) for one in d] for name, d in differences.items() if len(d)
    }
    return pd.DataFrame(columns, index=pd.Index(pairs, name="pair"))


def shift(evidence: Sequence[Evidence], pairs: Sequence[int], alpha: float, metric: str) -> pd.DataFrame:
    """`change`, `low` and `high` at each quantile from p5 on: the mean over the pairs and its t bounds.

    [low, high] is two-sided at 1 - 2 alpha for each quantile by itself. Only quantiles that every run has.
    """
    arms = [
        np.array(
            [one.curves[metric] for pair in pairs for one in evidence if (one.pair, one.arm) == (pair, arm)]
        )
        for arm in ("baseline", "candidate")
    ]
    if len(pairs) < 2 or any(len(arm) != len(pairs) for arm in arms):
        return pd.DataFrame(columns=["change", "low", "high"])
    rows = {}
    for column, q in enumerate(LEVELS):
        base, candidate = (arm[:, column] for arm in arms)
        if q >= LEAST_SHIFTED - 1e-9 and np.isfinite([base, candidate]).all() and (base > 0).all():
            found = paired(np.log(candidate / base), alpha, floor=1e-9)
            rows[q] = np.expm1([found.mean, found.low, found.high])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["change", "low", "high"])


def visible(
    watched: Sequence[Watched], spreads: Mapping[str, float], alpha: float, most: int
) -> pd.DataFrame:
    """The smallest true change that so many pairs (index) tell from nothing nine times of ten, in margins."""
    index = range(3, max(most, MOST_PAIRS_SHOWN) + 1)
    columns = {
        one.name: [smallest_shift(pairs, alpha) * spreads[one.name] / bound_of(one) for pairs in index]
        for one in watched
        if one.name in spreads
    }
    return pd.DataFrame(columns, index=pd.Index(index, name="pairs"))


def normal_plot(differences: Sequence[float]) -> pd.DataFrame:
    """`expected`, `found`: the differences in order, in their own standard deviations, against a normal's."""
    d = np.sort(np.array(differences, dtype=np.float64))
    places = (np.arange(1, d.size + 1) - 0.375) / (d.size + 0.25)  # Blom's
    spread = d.std(ddof=1) if d.size > 1 else 0.0
    found = (d - d.mean()) / spread if spread else np.zeros_like(d)
    return pd.DataFrame({"expected": special.ndtri(places), "found": found})

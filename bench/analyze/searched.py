"""What a capacity search found, and the runs that it rests on: search.json."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError
from scipy.optimize import isotonic_regression

from bench.analyze.run import AnalysisError
from bench.analyze.window import Value

FILE = "search.json"
STEADY_S = 120.0
"""A shorter window (or one of less than 20 times a request) ends before queues have built up."""


class RunPoint(Value):
    """One run of a search, as in its experiment.json; of the ceiling `rate_per_s` is what was served."""

    folder: str
    stage: Literal["ceiling", "bisect", "confirm"]
    rate_per_s: float
    attainment: float
    offered: int
    valid: bool
    workers: int
    what: str


class CurvePoint(Value):
    """Attainment as fitted at one rate."""

    rate_per_s: float
    attainment: float


class Searched(Value):
    """One profile: rates in requests/s of the pool, `replicas` that it had.

    `fit` is the isotonic regression of attainment on rate, for the picture alone: `confirmed_per_s` rests on
    runs of its own.
    """

    profile: str
    outcome: Literal["confirmed", "inconclusive", "invalid"]
    sentence: str
    confirmed_per_s: float | None
    estimate_per_s: float | None
    refuted_per_s: float | None
    replicas: int
    runs: tuple[RunPoint, ...]
    fit: tuple[CurvePoint, ...]


class SearchReport(Value):
    """search.json: `target` is the attainment that was searched for, in windows of `window_s`."""

    format_version: Literal[1] = 1
    scenario: str
    slo: str
    target: float
    window_s: float
    simulated: bool
    virtual: bool
    profiles: tuple[Searched, ...]

    @property
    def steady(self) -> bool:
        """Whether the windows were long enough for a rate that lasts."""
        return self.window_s >= STEADY_S

    def to_json(self) -> str:
        """The text of search.json."""
        return self.model_dump_json(indent=2) + "\n"


def falling(runs: Iterable[RunPoint]) -> tuple[CurvePoint, ...]:
    """The attainment that falls with the rate and is nearest to the runs, each weighed by its requests.

    Of those that count and were sent at a rate (not of the ceiling); one point a rate.
    """
    offered: dict[float, int] = {}
    good: dict[float, float] = {}
    for run in runs:
        if run.valid and run.offered and run.stage != "ceiling":
            offered[run.rate_per_s] = offered.get(run.rate_per_s, 0) + run.offered
            good[run.rate_per_s] = good.get(run.rate_per_s, 0.0) + run.offered * run.attainment
    if not offered:
        return ()
    rates = sorted(offered)
    weights = np.array([offered[rate] for rate in rates], dtype=np.float64)
    shares = np.array([good[rate] for rate in rates]) / weights
    fitted = isotonic_regression(shares, weights=weights, increasing=False).x
    return tuple(
        CurvePoint(rate_per_s=rate, attainment=float(share))
        for rate, share in zip(rates, fitted, strict=True)
    )


def load_search(folder: Path) -> SearchReport:
    """What a finished search left. Raises AnalysisError where it left nothing, or nothing readable."""
    file = folder / FILE
    try:
        return SearchReport.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise AnalysisError(
            f"{folder} has no readable {FILE}: `bench capacity` leaves it at its end"
        ) from None
    except ValidationError as error:
        raise AnalysisError(f"{file} cannot be read: {error.errors()[0]['msg']}") from None

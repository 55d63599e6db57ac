"""What a gate looks at and how strictly: a YAML file, every key of which has a default.

PolicyError   a policy that cannot be used; one line a fault
"""

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator

from bench.analyze.latency import LEVELS
from bench.analyze.yaml_files import Closed, FileError, read_model
from bench.metrics import REQUEST_METRICS, RUN_METRICS

SHARES = frozenset({"attainment", "error_rate", "stall_share"})
"""Compared by their difference in points; everything else by its ratio."""

RUN_LEVEL = ("completed_rate", "output_tokens_rate", "items_rate", "attainment", "goodput", "error_rate",
             "stall_share", "itl.p50", "itl.p95", "itl.p99")  # fmt: skip
METRICS = (*(f"{name}.{level}" for name in REQUEST_METRICS for level in LEVELS), *RUN_LEVEL)


class PolicyError(ValueError):
    """A policy that cannot be used; the message has a line a fault."""


def _known(metric: str, names: tuple[str, ...] = METRICS) -> str:
    if metric not in names:
        close = difflib.get_close_matches(metric, names, 1)
        hint = f"did you mean {close[0]!r}?" if close else "such as ttft.p95, tpot.p50, error_rate"
        raise ValueError(f"unknown metric {metric!r}: {hint}")
    return metric


class Watched(Closed):
    """One metric of the gate, of the whole run or of one traffic class."""

    metric: str
    traffic_class: str | None = None
    margin: Annotated[float, Field(gt=0, le=1)] = Field(
        description="tolerated worsening: a share of the baseline, of a share (error_rate) points as a share"
    )
    role: Literal["gating", "watch"] = "gating"
    may_be_inconclusive: bool = Field(False, description="true: undecided after the last look is no obstacle")

    @field_validator("metric")
    @classmethod
    def _exists(cls, metric: str) -> str:
        return _known(metric)

    @property
    def name(self) -> str:
        """`chat:ttft.p95`, or `ttft.p95`."""
        return f"{self.traffic_class}:{self.metric}" if self.traffic_class else self.metric

    @property
    def is_share(self) -> bool:
        """Whether it is compared by its difference in points."""
        return self.metric in SHARES

    @property
    def lower_is_better(self) -> bool:
        """As the table of metrics says."""
        base = self.metric.partition(".")[0]
        table = REQUEST_METRICS[base] if base in REQUEST_METRICS else RUN_METRICS[base]
        return table.better == "lower"


class Clause(Closed):
    """An absolute limit on the candidate: a quantile of a latency (s), attainment, or the error rate."""

    metric: str
    traffic_class: str | None = None
    limit: PositiveFloat = Field(description="at most, in s or as a share; of attainment at least")

    @field_validator("metric")
    @classmethod
    def _exists(cls, metric: str) -> str:
        quantiles = tuple(f"{name}.{level}" for name in REQUEST_METRICS for level in LEVELS)
        return _known(metric, (*quantiles, "attainment", "error_rate"))

    @property
    def name(self) -> str:
        """`chat:ttft.p95 <= 0.5`."""
        sign = ">=" if self.metric == "attainment" else "<="
        whose = f"{self.traffic_class}:" if self.traffic_class else ""
        return f"{whose}{self.metric} {sign} {self.limit:g}"

    @property
    def target(self) -> float:
        """The share of requests that must keep it."""
        if self.metric == "attainment":
            return self.limit
        return 1 - self.limit if self.metric == "error_rate" else LEVELS[self.metric.partition(".")[2]]


def _default_metrics() -> tuple[Watched, ...]:
    gating = {"ttft.p50": 0.05, "ttft.p95": 0.10, "tpot.p50": 0.05, "tpot.p95": 0.05, "e2e.p50": 0.05,
              "e2e.p95": 0.10, "attainment": 0.01, "error_rate": 0.005}  # fmt: skip
    watch = {"ttft.p99": 0.10, "e2e.p99": 0.10, "gap_max.p95": 0.10, "stall_share": 0.005,
             "output_tokens_rate": 0.05}  # fmt: skip
    return (
        *(Watched(metric=metric, margin=margin) for metric, margin in gating.items()),
        *(Watched(metric=metric, margin=margin, role="watch") for metric, margin in watch.items()),
    )


class Policy(Closed):
    """Everything that decides beside the runs; docs/gate.md explains each key."""

    looks: tuple[Annotated[int, Field(ge=3, le=100)], ...] = Field(
        (5, 10), description="after how many pairs it may be decided; declared before the first run"
    )
    alpha: Annotated[float, Field(gt=0, le=0.2)] = Field(
        0.05, description="chance that any look calls an equal candidate worse"
    )
    metrics: tuple[Watched, ...] = Field(default_factory=_default_metrics, min_length=1)
    slo: tuple[Clause, ...] = Field(
        (Clause(metric="error_rate", limit=0.01),), description="absolute limits on the candidate"
    )
    confirmed_rate_per_s: PositiveFloat | None = Field(
        None, description="highest rate that the baseline is known to sustain under its SLO"
    )
    min_window_s: PositiveFloat = 120.0
    most_invalid_pairs: Annotated[int, Field(ge=0)] = Field(
        1, description="pairs with an invalid run that may be left out"
    )
    max_length_change: Annotated[float, Field(gt=0, le=1)] = Field(
        0.02, description="change of the mean output length above which nothing is compared"
    )
    inconclusive: Literal["report", "pass", "fail"] = Field(
        "report", description="exit code where it stays undecided: 3, 0 or 1"
    )

    @field_validator("looks")
    @classmethod
    def _rising(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if not 1 <= len(looks) <= 4 or list(looks) != sorted(set(looks)):
            raise ValueError(f"looks {list(looks)}: give one to four numbers of pairs, each above the last")
        return looks

    @field_validator("metrics")
    @classmethod
    def _once(cls, metrics: tuple[Watched, ...]) -> tuple[Watched, ...]:
        names = [metric.name for metric in metrics]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"named twice: {', '.join(repeated)}")
        if all(metric.role == "watch" for metric in metrics):
            raise ValueError("no metric is gating, so nothing could ever fail")
        return metrics


def load_policy(path: Path | None) -> Policy:
    """The policy in a file; the defaults without one. Raises PolicyError with every fault."""
    if path is None:
        return Policy()
    try:
        return read_model(path, Policy)
    except FileError as fault:
        raise PolicyError(str(fault)) from None

"""What one replica of each profile sustains: the file that a capacity search leaves, or a user writes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from bench.analyze.plan.faults import PlanError
from bench.analyze.survival import assured, covered
from bench.analyze.yaml_files import Closed, FileError, read_model

FILE = "capacity.json"
MOST_REPLICAS = 10_000


class Scaling(Closed):
    """How a pool of n replicas falls short of n times one: n / (1 + sigma (n - 1) + kappa n (n - 1)).

    The universal scalability law; both 0 is no loss.
    """

    sigma: Annotated[float, Field(ge=0, lt=1)] = 0.0
    kappa: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Capacity(Closed):
    """One replica of a profile. Rates in requests/s under the SLO, times in s."""

    rate_per_s: PositiveFloat | None = Field(
        None, description="highest rate of the whole mix that is confirmed at 95 %"
    )
    class_rates_per_s: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="instead of it: the rate of each traffic class, served alone"
    )
    mix_factor: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="measured rate of the mix, as a share of what the classes' rates predict"
    )
    estimate_per_s: PositiveFloat | None = Field(None, description="best estimate; above the confirmed rate")
    refuted_per_s: PositiveFloat | None = Field(None, description="lowest rate that is refuted at 95 %")
    start_s: NonNegativeFloat | None = Field(
        None, description="from the request of a replica until it serves"
    )
    starts_s: tuple[NonNegativeFloat, ...] = Field(
        (), description="instead of it: start times as measured; the longest is planned with"
    )
    scaling: Scaling = Scaling()
    min_replicas: Annotated[int, Field(ge=0)] = 0
    max_replicas: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] = MOST_REPLICAS

    @model_validator(mode="after")
    def _says_a_rate(self) -> "Capacity":
        if (self.rate_per_s is None) == (not self.class_rates_per_s):
            raise ValueError("give rate_per_s of the mix, or class_rates_per_s: one of the two")
        if self.start_s is not None and self.starts_s:
            raise ValueError("give start_s or starts_s, not both")
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}")
        return self


class Capacities(Closed):
    """capacity.json, or the same in YAML."""

    format_version: Literal[1] = 1
    slo: str = Field("", description="what good enough meant, in words")
    simulated: bool = False
    out_tokens: PositiveFloat | None = Field(None, description="mean output tokens of a request")
    profiles: dict[str, Capacity] = Field(min_length=1)


def load_capacities(path: Path) -> Capacities:
    """A capacity file, or the one in an experiment's folder. Raises PlanError with every fault."""
    file = path / FILE if path.is_dir() else path
    try:
        return read_model(file, Capacities)
    except FileError as fault:
        raise PlanError(str(fault)) from None


def start_of(name: str, capacity: Capacity) -> tuple[float, str]:
    """The start time to plan with (s), and what it rests on. Raises PlanError where nothing is known."""
    if capacity.start_s is not None:
        return capacity.start_s, "as given"
    if not capacity.starts_s:
        raise PlanError(
            f"{name}: no start time: say start_s or starts_s in the capacity file, or --start {name}=240"
        )
    n = len(capacity.starts_s)
    share = covered(float(assured(n, n)[-1]))
    return max(capacity.starts_s), f"the longest of {n}: covers {share} at 95 % (n = {n})"

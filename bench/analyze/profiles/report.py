"""profiles.json: everything that a comparison of profiles found."""

from typing import Literal

from bench.analyze.cold_starts import LaneStarts
from bench.analyze.profiles.design import Condition
from bench.analyze.profiles.limits import Scaled
from bench.analyze.profiles.money import Bought, EqualSlo, Sustained
from bench.analyze.profiles.pareto import Point
from bench.analyze.profiles.ratios import RatioOf
from bench.analyze.window import Value


class LeftOutRun(Value):
    """A run that does not count, and why; the runs of its seed then have no twin."""

    folder: str
    why: str


class Compared(Value):
    """A profile against the reference at one condition; rates are requests/s of one replica."""

    condition: Condition
    profile: str
    reference: str
    rate_per_s: float
    reference_rate_per_s: float
    ratios: tuple[RatioOf, ...]
    sentence: str


class ProfilesReport(Value):
    """profiles.json."""

    format_version: Literal[1] = 1
    folder: str
    scenario: str
    slo: str
    attainment: float
    unreal: str
    reference: str
    utilisation: float
    equal_rate_per_s: float
    seeds: int
    runs: int
    requests: float
    window_s: tuple[float, float]
    left_out: tuple[LeftOutRun, ...]
    currency: str
    unit: Literal["output tokens", "requests"]
    sustained: tuple[Sustained, ...]
    equal_slo: tuple[EqualSlo, ...]
    compared: tuple[Compared, ...]
    budget_per_hour: float
    bought: tuple[Bought, ...]
    bought_sentence: str
    pareto: tuple[Point, ...]
    pareto_sentence: str
    limits: tuple[Scaled, ...]
    limits_sentence: str
    provisioning: tuple[LaneStarts, ...]
    provisioning_note: str
    notes: tuple[str, ...]

    def to_json(self) -> str:
        """The text of profiles.json."""
        return self.model_dump_json(indent=2) + "\n"

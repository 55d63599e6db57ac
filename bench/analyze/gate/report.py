"""gate.json: the verdict of a gate, with everything that it rests on. docs/gate.md explains each key.

Changes and bounds are shares of the baseline (0.05 = 5 %), or points as a share where the metric is a share;
positive is worse. null: not defined.
"""

from typing import Literal

from bench.analyze.gate.policy import Policy
from bench.analyze.window import Value

Word = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID"]
EXIT_CODES: dict[Word, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "INVALID": 4}


class MetricVerdict(Value):
    """One metric over the pairs that were looked at."""

    name: str
    role: Literal["gating", "watch"]
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_APPLICABLE"]
    sentence: str
    unit: str
    margin: float
    pairs: int
    baseline: float | None = None
    candidate: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    p: float | None = None
    p_holm: float | None = None
    sign_flip_p: float | None = None
    hodges_lehmann: float | None = None
    without_one_low: float | None = None
    without_one_high: float | None = None
    spread: float | None = None
    visible_change: float | None = None
    pairs_needed: int | None = None
    fragile: bool = False
    differences: tuple[float, ...] = ()


class ClauseVerdict(Value):
    """An absolute limit on the candidate: the share of requests that keep it, over the runs."""

    name: str
    verdict: Literal["KEPT", "REFUTED", "OPEN"]
    sentence: str
    target: float
    share: float | None = None
    low: float | None = None
    high: float | None = None


class ArmStarts(Value):
    """Starts from cold of one lane that one arm's runs saw: told, not judged.

    The median start took from `median_low_s` to `median_high_s` s (null: open) since its first refusal.
    """

    arm: Literal["baseline", "candidate"]
    pool: str | None
    model: str
    profile: str | None
    count: int
    still_cold: int
    median_low_s: float
    median_high_s: float | None
    sentence: str


class LeftOut(Value):
    """A pair that was not looked at."""

    pair: int
    reasons: tuple[str, ...]


class Look(Value):
    """The look at which it was decided, or the last one so far."""

    number: int
    pairs: tuple[int, ...]
    alpha: float


class GateReport(Value):
    """The whole verdict. `simulated`: what was measured in place of a GPU; empty for a real target."""

    format_version: Literal[1] = 1
    mode: Literal["pairs", "historical"] = "pairs"
    simulated: str = ""
    verdict: Word
    exit_code: int
    sentence: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    next_step: str
    pairs_complete: int
    look: Look | None
    left_out: tuple[LeftOut, ...]
    metrics: tuple[MetricVerdict, ...]
    slo: tuple[ClauseVerdict, ...]
    starts: tuple[ArmStarts, ...] = ()
    policy: Policy

    def to_json(self) -> str:
        """The text of gate.json."""
        return self.model_dump_json(indent=2) + "\n"

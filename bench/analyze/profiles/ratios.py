"""Runs of two profiles with the same seeds -> ratios with two-sided 95 % intervals, on the log scale."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.analyze.gate.paired import Paired, holm, paired
from bench.analyze.gate.table import Absent
from bench.analyze.profiles.rows import ProfileRun
from bench.analyze.window import Value
from bench.metrics import RUN_METRICS, Better

LATENCIES = tuple(f"{metric}.{level}" for metric in ("ttft", "tpot", "e2e") for level in ("p50", "p95"))
AMOUNTS = ("output_tokens_rate", "items_rate", "goodput")

LEAST_PAIRS = 3
TAIL = 0.025
ALPHA = 0.05
STEP_S = 1e-6
"""No latency is believed to vary less from run to run than steps of a microsecond would make it."""
LEAST_STEP = 1e-9
"""Nor any other number than by this share."""

Verdict = Literal["better", "worse", "not separable", "not compared"]


class RatioOf(Value):
    """One number of a profile, divided by that of the reference; `pairs` runs of each had the same seeds.

    `reference_value` and `value` are geometric means over the runs (s, or 1/s of one replica). `ratio` has
    the two-sided 95 % interval [`low`, `high`], by itself. `p` is that of no difference, after Holm over all
    numbers of the comparison. `verdict` is from the reader's side: "better" is the profile with the lower
    latency, or the higher rate; "not separable" where the interval covers 1, or `p` is above 0.05.
    """

    name: str
    better: Better
    reference_value: float | None = None
    value: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    pairs: int
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class _Found:
    """The estimate behind a number: means of logs, and the paired difference."""

    value: float
    reference_value: float
    paired: Paired

    @property
    def p(self) -> float:
        """Two-sided."""
        return 2 * min(self.paired.p, 1 - self.paired.p)


@dataclass(frozen=True, slots=True)
class Arms:
    """The runs of a profile and of the reference, by seed."""

    profile: str
    reference: str
    runs: Mapping[int, ProfileRun]
    reference_runs: Mapping[int, ProfileRun]

    @property
    def seeds(self) -> list[int]:
        """Those that both have."""
        return sorted(self.runs.keys() & self.reference_runs.keys())

    def values(self, name: str) -> tuple[list[float | Absent], list[float | Absent]]:
        """One number of each, seed by seed."""
        ours, theirs = (
            [arm[seed].values[name] for seed in self.seeds] for arm in (self.runs, self.reference_runs)
        )
        return ours, theirs


def ratios_of(names: Sequence[str], arms: Arms) -> tuple[RatioOf, ...]:
    """Compare numbers of two profiles over the seeds that both have."""
    found = {name: _found(name, arms) for name in names}
    known = {name: one for name, one in found.items() if isinstance(one, _Found)}
    adjusted = dict(zip(known, holm([one.p for one in known.values()]), strict=True))
    return tuple(
        _absent(name, one, arms) if isinstance(one, str) else _ratio(name, one, adjusted[name], arms)
        for name, one in found.items()
    )


def better_of(name: str) -> Better:
    """Which direction is better; latencies are better lower."""
    metric = RUN_METRICS.get(name.rpartition(":")[2])
    return metric.better if metric else "lower"


def _found(name: str, arms: Arms) -> _Found | str:
    """The estimate, or why there is none."""
    ours, theirs = arms.values(name)
    why = _missing(ours, arms.profile) or _missing(theirs, arms.reference) or _few(arms.seeds)
    if why:
        return why
    logs, reference_logs = (np.log(np.array(arm, dtype=np.float64)) for arm in (ours, theirs))
    value, reference_value = math.exp(logs.mean()), math.exp(reference_logs.mean())
    step = STEP_S / min(value, reference_value) if better_of(name) == "lower" else LEAST_STEP
    return _Found(value, reference_value, paired(logs - reference_logs, TAIL, floor=step / math.sqrt(12)))


def _missing(values: Sequence[float | Absent], profile: str) -> str:
    """Why a number cannot be compared; empty where every run has it, above 0."""
    absent = next((value for value in values if isinstance(value, Absent)), None)
    if absent is not None:
        return f"in a run of {profile}, {absent.why}"
    return f"a run of {profile} has none" if any(value == 0 for value in values) else ""


def _few(seeds: Sequence[int]) -> str:
    return "" if len(seeds) >= LEAST_PAIRS else f"{len(seeds)} pairs of runs; {LEAST_PAIRS} are the least"


def _absent(name: str, why: str, arms: Arms) -> RatioOf:
    return RatioOf(
        name=name,
        better=better_of(name),
        pairs=len(arms.seeds),
        verdict="not compared",
        sentence=f"{name}: not compared: {why}",
    )


def _ratio(name: str, found: _Found, p: float, arms: Arms) -> RatioOf:
    better = better_of(name)
    ratio, low, high = (math.exp(part) for part in (found.paired.mean, found.paired.low, found.paired.high))
    interval = f"{ratio:.3g} of {arms.reference}'s (95% interval {low:.3g} to {high:.3g})"
    verdict: Verdict = "better" if (ratio < 1) == (better == "lower") else "worse"
    sentence = f"{name}: {arms.profile} is {verdict}, {interval}"
    if low <= 1 <= high or p > ALPHA:
        verdict = "not separable"
        why = "covers 1" if low <= 1 <= high else f"leaves out 1, but not for sure among so many (p {p:.2f})"
        sentence = f"{name}: {arms.profile} and {arms.reference} are not separable: {interval} {why}"
    return RatioOf(
        name=name,
        better=better,
        reference_value=found.reference_value,
        value=found.value,
        ratio=ratio,
        low=low,
        high=high,
        p=p,
        pairs=len(arms.seeds),
        verdict=verdict,
        sentence=sentence,
    )

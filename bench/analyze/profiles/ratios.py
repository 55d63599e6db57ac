"""Runs of two profiles with the same seeds -> ratios with two-sided 95 % intervals, on the log scale."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from bench.analyze.gate.paired import paired
from bench.analyze.gate.table import Absent
from bench.analyze.profiles.rows import ProfileRun
from bench.analyze.window import Value
from bench.metrics import RUN_METRICS, Better

LATENCIES = tuple(f"{metric}.{level}" for metric in ("ttft", "tpot", "e2e") for level in ("p50", "p95"))
AMOUNTS = ("output_tokens_rate", "items_rate", "goodput")

LEAST_PAIRS = 3
TAIL = 0.025
STEP_S = 1e-6
"""No latency is believed to vary less from run to run than steps of a microsecond would make it."""

Verdict = Literal["better", "worse", "not separable", "not compared"]


class RatioOf(Value):
    """One number of a profile, divided by that of the reference; `pairs` runs of each had the same seeds.

    `reference_value` and `value` are geometric means over the runs (s, or 1/s of one replica). `ratio` has
    the two-sided 95 % interval [`low`, `high`]. `verdict` is from the reader's side: "better" is the profile
    with the lower latency, or the higher rate.
    """

    name: str
    better: Better
    reference_value: float | None
    value: float | None
    ratio: float | None
    low: float | None
    high: float | None
    pairs: int
    verdict: Verdict
    sentence: str


def ratio_of(
    name: str,
    profile: str,
    reference: str,
    runs: Mapping[int, ProfileRun],
    reference_runs: Mapping[int, ProfileRun],
) -> RatioOf:
    """Compare one number of two profiles over the seeds that both have."""
    better: Better = "lower" if _metric(name) not in RUN_METRICS else RUN_METRICS[_metric(name)].better
    seeds = sorted(runs.keys() & reference_runs.keys())
    ours, theirs = ([arm[seed].values[name] for seed in seeds] for arm in (runs, reference_runs))
    why = _missing(ours, profile) or _missing(theirs, reference) or _few(seeds)
    if why:
        return RatioOf(
            name=name, better=better, reference_value=None, value=None, ratio=None, low=None, high=None,
            pairs=len(seeds), verdict="not compared", sentence=f"{name}: not compared: {why}",
        )  # fmt: skip
    logs, reference_logs = (np.log(np.array(arm, dtype=np.float64)) for arm in (ours, theirs))
    value, reference_value = math.exp(logs.mean()), math.exp(reference_logs.mean())
    step = STEP_S / min(value, reference_value) if better == "lower" else 0.0
    found = paired(logs - reference_logs, TAIL, floor=max(step, 1e-12) / math.sqrt(12))
    ratio, low, high = (math.exp(part) for part in (found.mean, found.low, found.high))
    verdict = _verdict(better, low, high)
    return RatioOf(
        name=name,
        better=better,
        reference_value=reference_value,
        value=value,
        ratio=ratio,
        low=low,
        high=high,
        pairs=len(seeds),
        verdict=verdict,
        sentence=_sentence(name, profile, reference, ratio, (low, high), verdict),
    )


def _metric(name: str) -> str:
    return name.rpartition(":")[2].partition(".")[0]


def _missing(values: Sequence[float | Absent], profile: str) -> str:
    """Why a number cannot be compared; empty where every run has it, above 0."""
    absent = next((value for value in values if isinstance(value, Absent)), None)
    if absent is not None:
        return f"in a run of {profile}, {absent.why}"
    return f"a run of {profile} has none" if any(value == 0 for value in values) else ""


def _few(seeds: Sequence[int]) -> str:
    return "" if len(seeds) >= LEAST_PAIRS else f"{len(seeds)} pairs of runs; {LEAST_PAIRS} are the least"


def _verdict(better: Better, low: float, high: float) -> Verdict:
    if low <= 1 <= high:
        return "not separable"
    return "better" if (high < 1) == (better == "lower") else "worse"


def _sentence(
    name: str, profile: str, reference: str, ratio: float, ends: tuple[float, float], verdict: Verdict
) -> str:
    interval = f"{ratio:.3g} of {reference}'s (95% interval {ends[0]:.3g} to {ends[1]:.3g})"
    if verdict == "not separable":
        return f"{name}: {profile} and {reference} are not separable: {interval} covers 1"
    return f"{name}: {profile} is {verdict}, {interval}"

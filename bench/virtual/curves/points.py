"""The points of the curves: the same traffic at growing rates through one worker, in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.metrics import NS_PER_S, REQUEST_METRICS, Floats, quantile
from bench.record import Outcome, Record
from bench.scenario import Scenario
from bench.sim.model import SHIPPED, Catalog
from bench.virtual.player import simulate
from bench.virtual.setup import setup_of
from bench.workload import make_schedule

DURATION_S, WARMUP_S = 240.0, 60.0
INPUT = {"distribution": "lognormal", "median": 512, "sigma": 0.6, "max": 4096}
OUTPUT = {"distribution": "lognormal", "median": 200, "sigma": 0.5, "max": 1000}
_DOUBT = 0.10
"""Added to and taken from the compute efficiency, which is the least certain figure of every chip."""
_LATE = (Outcome.TIMED_OUT.value, Outcome.UNFINISHED.value)


@dataclass(frozen=True, slots=True)
class Case:
    """One worker of a profile with a model, and the rates (requests/s) to try."""

    profile: str
    model: str
    rates_per_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """What one rate gives; quantiles are infinite where they fall among requests without an answer."""

    profile: str
    model: str
    compute_efficiency: float
    rate_per_s: float
    ttft_p50_s: float
    ttft_p95_s: float
    tpot_p50_s: float
    tpot_p95_s: float
    output_per_s: float


QWEN, LLAMA = "Qwen/Qwen3-4B", "meta-llama/Llama-3.1-8B-Instruct"
CASES = (
    Case("l4", QWEN, (0.25, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)),
    Case("a100-40gb", QWEN, (0.25, 0.5, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20)),
    Case("l4", LLAMA, (0.125, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5)),
    Case("a100-40gb", LLAMA, (0.125, 0.25, 0.5, 1, 2, 4, 6, 8, 10, 12, 14)),
)


def curve(case: Case, doubt: float = 0.0) -> list[Point]:
    """One curve, with so much added to the compute efficiency."""
    chip = SHIPPED.chips[case.profile]
    doubted = replace(chip, compute_efficiency=round(chip.compute_efficiency + doubt, 4))
    catalog = Catalog({**SHIPPED.chips, case.profile: doubted}, SHIPPED.cards)
    return [point(case, rate_per_s, catalog) for rate_per_s in case.rates_per_s]


def doubted_curves(case: Case) -> tuple[list[Point], list[Point], list[Point]]:
    """The curve, and those of a chip that computes less and more well."""
    less, as_is, more = map(partial(curve, case), (-_DOUBT, 0.0, _DOUBT))
    return as_is, less, more


def point(case: Case, rate_per_s: float, catalog: Catalog = SHIPPED) -> Point:
    """One rate."""
    scenario = _scenario(case, rate_per_s)
    setup = replace(setup_of(scenario.sim), catalog=catalog)
    records = [entry.record for entry in simulate(make_schedule(scenario), setup)]
    due = [r for r in records if WARMUP_S * NS_PER_S <= r.scheduled_ns < DURATION_S * NS_PER_S]
    late = sum(record.outcome in _LATE for record in due)
    answered = [record for record in due if record.outcome == Outcome.OK]
    ended = [r for r in records if r.end_ns and WARMUP_S * NS_PER_S <= r.end_ns < DURATION_S * NS_PER_S]
    ttft, tpot = (_values(answered, name) for name in ("ttft", "tpot"))
    return Point(
        profile=case.profile,
        model=case.model,
        compute_efficiency=catalog.chips[case.profile].compute_efficiency,
        rate_per_s=rate_per_s,
        ttft_p50_s=quantile(ttft, 0.5, late),
        ttft_p95_s=quantile(ttft, 0.95, late),
        tpot_p50_s=quantile(tpot, 0.5),
        tpot_p95_s=quantile(tpot, 0.95),
        output_per_s=sum(record.out_tokens or 0 for record in ended) / (DURATION_S - WARMUP_S),
    )


def _scenario(case: Case, rate_per_s: float) -> Scenario:
    chat = {
        "name": "chat",
        "operation": "chat",
        "model": case.model,
        "profiles": [case.profile],
        "input_tokens": INPUT,
        "output_tokens": OUTPUT,
    }
    facts = {
        "name": "curve",
        "duration_s": DURATION_S,
        "arrivals": {"process": "poisson", "rate_per_s": rate_per_s},
        "classes": [chat],
        "sim": {"fleet": f"{case.profile}/sglang=1"},
    }
    return Scenario.model_validate(facts, strict=False)


def _values(records: Sequence[Record], metric: str) -> Floats:
    wanted = REQUEST_METRICS[metric]
    columns = {name: np.array([getattr(r, name) for r in records], np.float64) for name in wanted.needs}
    return wanted.of(columns)

"""What to send, and what is good enough: scenario files, checked in full before anything happens."""

from bench.scenario.lengths import EmpiricalLength, FixedLength, Length, LognormalLength, TraceLength
from bench.scenario.load import Fault, ScenarioError, json_schema, load
from bench.scenario.pools import Pool
from bench.scenario.shipped import shipped
from bench.scenario.traffic import (
    ChatTraffic,
    EncodeTraffic,
    GenerateTraffic,
    Generation,
    Sampling,
    ScoreTraffic,
    Slo,
    Traffic,
)
from bench.scenario.types import (
    ClosedLoop,
    ConstantArrivals,
    PoissonArrivals,
    Retry,
    Scenario,
    Seeds,
    Sim,
    Target,
    Timeouts,
    TraceArrivals,
)

__all__ = [
    "ChatTraffic",
    "ClosedLoop",
    "ConstantArrivals",
    "EmpiricalLength",
    "EncodeTraffic",
    "Fault",
    "FixedLength",
    "GenerateTraffic",
    "Generation",
    "Length",
    "LognormalLength",
    "PoissonArrivals",
    "Pool",
    "Retry",
    "Sampling",
    "Scenario",
    "ScenarioError",
    "ScoreTraffic",
    "Seeds",
    "Sim",
    "Slo",
    "Target",
    "Timeouts",
    "TraceArrivals",
    "TraceLength",
    "Traffic",
    "json_schema",
    "load",
    "shipped",
]

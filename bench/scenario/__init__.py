"""What to send, and what is good enough: scenario files, checked in full before anything happens."""

from bench.scenario.common import Slo
from bench.scenario.generation import ChatTraffic, CompletionTraffic, GenerateTraffic, Generation
from bench.scenario.items import (
    Batch,
    EmbedTraffic,
    EncodeTraffic,
    ExtractTraffic,
    Ranking,
    RerankTraffic,
    ScoreTraffic,
)
from bench.scenario.lengths import (
    EmpiricalLength,
    FixedLength,
    GivenLength,
    Length,
    LognormalLength,
    TraceLength,
)
from bench.scenario.load import Fault, ScenarioError, json_schema, load
from bench.scenario.pools import Pool
from bench.scenario.routes import refusals
from bench.scenario.sampling import Sampling
from bench.scenario.shipped import shipped
from bench.scenario.traffic import Traffic, is_given
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
    "Batch",
    "ChatTraffic",
    "ClosedLoop",
    "CompletionTraffic",
    "ConstantArrivals",
    "EmbedTraffic",
    "EmpiricalLength",
    "EncodeTraffic",
    "ExtractTraffic",
    "Fault",
    "FixedLength",
    "GenerateTraffic",
    "Generation",
    "GivenLength",
    "Length",
    "LognormalLength",
    "PoissonArrivals",
    "Pool",
    "Ranking",
    "RerankTraffic",
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
    "is_given",
    "json_schema",
    "load",
    "refusals",
    "shipped",
]

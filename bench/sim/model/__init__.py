"""Pure behaviour of a fleet of GPU workers: virtual time in, events out; no clock, no sockets.

`Fleet(parse_fleet("l4=2"), seed=1)` is the whole interface, with `Job` and the events of `jobs`.  The only
files it reads are profiles and models: `SHIPPED`, and those of `load_catalog`.
"""

from bench.sim.model.cards import GENERATION_BUNDLE, Card
from bench.sim.model.catalog import SHIPPED, Catalog, CatalogError, load_catalog
from bench.sim.model.chips import Chip
from bench.sim.model.contract import CONTRACT_0_4, CONTRACT_0_10, CONTRACTS, Contract
from bench.sim.model.fleet import Fleet
from bench.sim.model.jobs import (
    CHARACTERS_PER_TOKEN,
    ENDINGS,
    SHORTEST_KEY_BYTES,
    SPECIAL_TOKENS,
    TEMPLATE_TOKENS,
    Chunk,
    Event,
    Finished,
    ItemsDone,
    Job,
    JobEvent,
    Lane,
    Lost,
    Verdict,
    WorkerDraining,
    WorkerEvent,
    WorkerGone,
    WorkerLost,
    WorkerReady,
    WorkerStarting,
)
from bench.sim.model.lanes import BUNDLES, DEFAULT_POOL, FleetError, LaneSpec, parse_fleet
from bench.sim.model.limits import FIRST_CHUNK, INTER_CHUNK, OVERALL, Limits
from bench.sim.model.members import LiveWorker, ModelState
from bench.sim.model.memory import PREFIX_TOKENS
from bench.sim.model.rules import MOST_PENDING, STEP_JITTER, Rules
from bench.sim.model.scaling import Scaling

__all__ = [
    "BUNDLES",
    "CHARACTERS_PER_TOKEN",
    "CONTRACTS",
    "CONTRACT_0_4",
    "CONTRACT_0_10",
    "DEFAULT_POOL",
    "ENDINGS",
    "FIRST_CHUNK",
    "GENERATION_BUNDLE",
    "INTER_CHUNK",
    "MOST_PENDING",
    "OVERALL",
    "PREFIX_TOKENS",
    "SHIPPED",
    "SHORTEST_KEY_BYTES",
    "SPECIAL_TOKENS",
    "STEP_JITTER",
    "TEMPLATE_TOKENS",
    "Card",
    "Catalog",
    "CatalogError",
    "Chip",
    "Chunk",
    "Contract",
    "Event",
    "Finished",
    "Fleet",
    "FleetError",
    "ItemsDone",
    "Job",
    "JobEvent",
    "Lane",
    "LaneSpec",
    "Limits",
    "LiveWorker",
    "Lost",
    "ModelState",
    "Rules",
    "Scaling",
    "Verdict",
    "WorkerDraining",
    "WorkerEvent",
    "WorkerGone",
    "WorkerLost",
    "WorkerReady",
    "WorkerStarting",
    "load_catalog",
    "parse_fleet",
]

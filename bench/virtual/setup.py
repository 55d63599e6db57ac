"""From the `sim` of a scenario to the model's terms.

VirtualError   something that virtual time cannot do; one sentence
"""

from dataclasses import dataclass
from pathlib import Path

from bench.scenario import Sim
from bench.sim.model import (
    CONTRACTS,
    MOST_PENDING,
    SHIPPED,
    Catalog,
    CatalogError,
    Fleet,
    FleetError,
    LaneSpec,
    Limits,
    Rules,
    Scaling,
    load_catalog,
    parse_fleet,
)


class VirtualError(Exception):
    """Bad input, or something that only a gateway behind sockets can do."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A fleet and the gateway before it; equal setups behave equally."""

    dialect: str
    lanes: tuple[LaneSpec, ...]
    rules: Rules
    limits: Limits
    catalog: Catalog = SHIPPED
    seed: int = 1
    cold_start_scale: float = 1.0
    affinity: bool = False

    @property
    def profiles(self) -> tuple[str, ...]:
        """The configured machine profiles."""
        return tuple(dict.fromkeys(spec.lane.profile for spec in self.lanes))

    def fleet(self) -> Fleet:
        """A fresh one, at instant 0."""
        return Fleet(
            self.lanes,
            self.rules,
            seed=self.seed,
            cold_start_scale=self.cold_start_scale,
            catalog=self.catalog,
        )


def setup_of(sim: Sim) -> Setup:
    """What `bench sim` would be started with. Raises VirtualError."""
    if sim.fault_plan is not None:
        raise VirtualError(f"sim.fault_plan {sim.fault_plan}: faults need the wire; use `bench run` for them")
    try:
        catalog = load_catalog(Path(sim.profile_file), SHIPPED) if sim.profile_file else SHIPPED
        lanes = parse_fleet(sim.fleet, catalog)
    except (CatalogError, FleetError) as error:
        raise VirtualError(str(error)) from None
    return Setup(
        dialect=sim.dialect,
        lanes=lanes,
        rules=_rules(sim),
        limits=CONTRACTS[sim.dialect].limits,
        catalog=catalog,
        seed=sim.seed,
        cold_start_scale=sim.cold_start_scale,
        affinity=sim.affinity,
    )


def _rules(sim: Sim) -> Rules:
    contract = CONTRACTS[sim.dialect]
    return Rules(
        exact_lanes=contract.exact_lanes,
        generation_waits=not contract.generation_tells_loading,
        most_pending=MOST_PENDING,
        step_jitter=sim.step_jitter,
        scaling=Scaling(woken=contract.woken_workers) if sim.autoscale else None,
        spot_lifetime_s=sim.spot_lifetime_s,
        spot_notice_s=sim.spot_notice_s,
    )

"""What the fleet and its limits depend on of the generations of the wire contract."""

from dataclasses import dataclass

from bench.sim.model.limits import Limits


@dataclass(frozen=True, slots=True)
class Contract:
    """One generation; all else that differs is words on the wire."""

    gateway_version: str
    exact_lanes: bool
    """Whether only the lane that was asked for serves."""
    limits: Limits
    generation_tells_loading: bool
    """Whether a generation hears that its model is being loaded; otherwise it waits for its first chunk."""
    woken_workers: int
    """With an autoscaler, the workers that demand brings to an empty lane."""
    tells_score_usage: bool


CONTRACT_0_4 = Contract(
    gateway_version="0.4.1",
    exact_lanes=False,
    limits=Limits(items_s=30.0),
    generation_tells_loading=False,
    woken_workers=1,
    tells_score_usage=False,
)
CONTRACT_0_10 = Contract(
    gateway_version="0.10.1",
    exact_lanes=True,
    limits=Limits(items_s=120.0),
    generation_tells_loading=True,
    woken_workers=2,
    tells_score_usage=True,
)
CONTRACTS = {"0.4": CONTRACT_0_4, "0.10": CONTRACT_0_10}
"""Each, by the name that `--dialect` takes."""

"""What a fleet does beyond computing."""

from dataclasses import dataclass

from bench.sim.model.scaling import Changes, Scaling

MOST_PENDING = 50_000
"""Unanswered work that a pool holds, by the contract."""

STEP_JITTER = 0.04
"""How much the lengths of steps vary, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What distinguishes dialects and deployments.

    With `exact_lanes` only a lane's own workers serve it, and demand without a profile wakes the first lane
    of its pool and bundle; without, any worker of pool and bundle stands in, and such demand wakes nothing.
    """

    exact_lanes: bool = False
    model_load_ns: int = 0
    """From the first use of a model on a worker until it is loaded; 0 if workers begin with all loaded."""
    generation_waits: bool = True
    """Whether a generation waits silently for its model; otherwise it hears that the model is loading."""
    most_pending: float = float("inf")
    """Unanswered jobs and items that a pool may hold."""
    heartbeat_loss_ns: int = 15_000_000_000
    """From the loss of a worker until it is noticed."""
    step_jitter: float = 0.0
    """Sigma of the lognormal lengths of steps and batches; 0 for none."""
    scaling: Scaling | None = None
    """None where a lane that is empty starts one worker on demand, and nothing else ever changes."""
    script: tuple[tuple[str, Changes], ...] = ()
    """Per machine profile the workers that each of its lanes has, whatever is asked; before any scaling."""
    spot_lifetime_s: float = 0.0
    """Mean life of a spot node, which is exponential; 0 where none is ever called back."""
    spot_notice_s: float = 30.0
    """From the notice to the end of a spot node."""

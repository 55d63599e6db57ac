"""What a plan is to keep, and how the autoscaler that carries it out behaves."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from bench.analyze.window import Value

Share = Annotated[float, Field(ge=0, lt=1)]


class Settings(Value):
    """Of every plan: the target, the autoscaler's delays (s), and how careful it is.

    `utilisation` replaces u* = 1 / G where it is given.
    """

    detect_s: NonNegativeFloat = 60.0
    scale_down_wait_s: NonNegativeFloat = 600.0
    growth_quantile: Annotated[float, Field(gt=0, le=1)] = 0.99
    utilisation: Annotated[float, Field(gt=0, le=1)] | None = None
    spare: Annotated[int, Field(ge=0)] = 1
    max_delayed_share: Share = 0.0
    max_delay_s: NonNegativeFloat = 0.0

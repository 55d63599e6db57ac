"""What every class of traffic says, and what is good enough for it."""

from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, JsonValue, PositiveFloat, model_validator

from bench.scenario.base import Closed, Share
from bench.scenario.lengths import Length

Text = Annotated[str, Field(min_length=1)]
Object = dict[str, JsonValue]


class Slo(Closed):
    """Limits a request must keep, all of them, and the share of offered requests that must."""

    ttft_ms: PositiveFloat | None = None
    tpot_ms: PositiveFloat | None = None
    e2e_ms: PositiveFloat | None = None
    attainment: Share = 0.95

    @model_validator(mode="after")
    def _says_something(self) -> "Slo":
        if not self.limits_ms():
            raise ValueError("an SLO needs at least one of ttft_ms, tpot_ms, e2e_ms")
        return self

    def limits_ms(self) -> dict[str, float]:
        """The limits that were set, by the name of the request metric, in milliseconds."""
        limits = {"ttft": self.ttft_ms, "tpot": self.tpot_ms, "e2e": self.e2e_ms}
        return {name: limit for name, limit in limits.items() if limit is not None}


def _free(extra: Object) -> Object:
    taken = sorted(_OURS & set(extra))
    if taken:
        raise ValueError(f"{', '.join(taken)} may not stand in extra: the scenario's own keys decide it")
    return extra


_OURS = frozenset(
    {"model", "messages", "prompt", "max_new_tokens", "max_tokens", "stream", "stream_options"}
    | {"items", "inputs", "input", "query", "documents", "params"}
)


class CommonTraffic(Closed):
    """What every class of traffic says."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    weight: PositiveFloat = Field(1.0, description="share of requests, relative to the other classes")
    every_s: Annotated[float, Field(ge=0.01)] | None = Field(
        None, description="one request in so many seconds beside the arrivals, and no part of their mix"
    )
    model: Text
    pool: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] | None = None
    profiles: tuple[Annotated[str, Field(pattern=r"^[!-~]+$")], ...] = Field(
        (), description="machine profiles to ask for, each request one of them; none: leave it to the gateway"
    )
    input_tokens: Length
    slo: Slo | None = None
    extra: Annotated[Object, AfterValidator(_free)] = Field(
        {}, description="further fields of the request's body, as they are"
    )

    SENT: ClassVar[tuple[str, ...]] = ()
    """The keys that are fields of the request's body under the same name."""

    @cached_property
    def body(self) -> dict[str, Any]:
        """What the class says about each request's body; what was left out is not there."""
        said = self.model_dump(mode="json", include=set(self.SENT), exclude_none=True)
        return {name: said[name] for name in self.SENT if name in said and said[name] not in ([], {})}

    @model_validator(mode="after")
    def _slo_applies(self) -> "CommonTraffic":
        streams = bool(getattr(self, "stream", False))
        if self.slo and not streams and {"ttft", "tpot"} & set(self.slo.limits_ms()):
            raise ValueError(
                f"{self.name!r} does not stream, so it has no ttft or tpot: use e2e_ms in its slo"
            )
        return self

"""What is sent, class by class, and what is good enough for it."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from bench.scenario.base import Closed, Share, Tokens
from bench.scenario.lengths import Length, SpelledOut


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


class Sampling(Closed):
    """How the server picks tokens; what is left out is left to the server."""

    temperature: NonNegativeFloat | None = None
    top_p: Share | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


class _Traffic(Closed):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    weight: PositiveFloat = Field(1.0, description="share of requests, relative to the other classes")
    model: Annotated[str, Field(min_length=1)]
    pool: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] | None = None
    profiles: tuple[Annotated[str, Field(pattern=r"^[!-~]+$")], ...] = Field(
        (), description="machine profiles to ask for, each request one of them; none: leave it to the gateway"
    )
    input_tokens: Length
    slo: Slo | None = None

    @model_validator(mode="after")
    def _slo_applies(self) -> "_Traffic":
        streams = bool(getattr(self, "stream", False))
        if self.slo and not streams and {"ttft", "tpot"} & set(self.slo.limits_ms()):
            raise ValueError(
                f"{self.name!r} does not stream, so it has no ttft or tpot: use e2e_ms in its slo"
            )
        return self


class Generation(_Traffic):
    """What chat and generate have in common."""

    output_tokens: Length = Field(description="asked for; real servers take it as a cap")
    stream: bool = True
    sampling: Sampling = Sampling()


class ChatTraffic(Generation):
    """OpenAI chat completions."""

    operation: Literal["chat"]


class GenerateTraffic(Generation):
    """The gateway's own generate."""

    operation: Literal["generate"]


class EncodeTraffic(_Traffic):
    """Embeddings; `input_tokens` is the length of each of the `batch_size` items."""

    operation: Literal["encode"]
    batch_size: PositiveInt = 1


class ScoreTraffic(_Traffic):
    """Reranking; `input_tokens` is the length of each of the `documents`."""

    operation: Literal["score"]
    documents: PositiveInt = 10
    query_tokens: Tokens = 32


Traffic = ChatTraffic | GenerateTraffic | EncodeTraffic | ScoreTraffic


def lengths_of(traffic: Traffic) -> list[SpelledOut]:
    """Input and, where there is one, output."""
    if isinstance(traffic, Generation):
        return [traffic.input_tokens, traffic.output_tokens]
    return [traffic.input_tokens]

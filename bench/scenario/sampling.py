"""How the server is asked to pick tokens."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from bench.scenario.base import Closed, Share

Penalty = Annotated[float, Field(ge=-2, le=2)]
TokenId = Annotated[str, Field(pattern=r"^[0-9]+$")]
Bias = Annotated[float, Field(ge=-100, le=100)]


class Sampling(Closed):
    """What is left out is left to the server.

    Not every route takes every key: see `bench.scenario.routes`.
    """

    temperature: NonNegativeFloat | None = None
    top_p: Share | None = None
    top_k: PositiveInt | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=2)] | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: Annotated[int, Field(ge=1, le=128)] | None = Field(None, description="choices a request")
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    logit_bias: dict[TokenId, Bias] = Field({}, max_length=1024, description="token id: bias")
    min_tokens: NonNegativeInt | None = None
    ignore_eos: bool | None = None

    @model_validator(mode="after")
    def _top_of_something(self) -> "Sampling":
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        return self

    def said(self) -> frozenset[str]:
        """The keys that were given a value."""
        return frozenset(name for name, value in self if value not in (None, (), {}))

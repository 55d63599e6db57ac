"""How long requests and replies are, in tokens."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from bench.scenario.base import Closed, Tokens


class FixedLength(Closed):
    """Always the same number of tokens. In YAML a bare number means this."""

    distribution: Literal["fixed"] = "fixed"
    tokens: Tokens


class LognormalLength(Closed):
    """Tokens with a lognormal distribution, clipped to [min, max]."""

    distribution: Literal["lognormal"]
    median: PositiveFloat
    sigma: NonNegativeFloat = Field(description="standard deviation of the logarithm")
    min: Tokens = 1
    max: Tokens = 32_768

    @model_validator(mode="after")
    def _ordered(self) -> "LognormalLength":
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class EmpiricalLength(Closed):
    """Tokens drawn with replacement from `values`, or from a column of whole numbers in a CSV file."""

    distribution: Literal["empirical"]
    values: tuple[Tokens, ...] = ()
    file: str | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "EmpiricalLength":
        if bool(self.values) == bool(self.file):
            raise ValueError("give either values, or file and column")
        if self.file and not self.column:
            raise ValueError("a file needs the name of its column")
        return self


class TraceLength(Closed):
    """The trace's own length of that request. In YAML the bare word `trace` means this."""

    distribution: Literal["trace"] = "trace"


class GivenLength(Closed):
    """What the text happens to have that a task of a locustfile gives. In YAML the bare word `given`."""

    distribution: Literal["given"] = "given"


_WORDS = ("trace", "given")


def _spell_out(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"distribution": "fixed", "tokens": value}
    if value in _WORDS:
        return {"distribution": value}
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic makes a fault of a ValueError only
            f"{value!r} is no length: say a number of tokens, trace, given, or a mapping with distribution"
        )
    return value


SpelledOut = Annotated[
    FixedLength | LognormalLength | EmpiricalLength | TraceLength | GivenLength,
    Field(discriminator="distribution"),
]
Length = Annotated[
    SpelledOut,
    BeforeValidator(_spell_out, json_schema_input_type=Tokens | Literal["trace", "given"] | SpelledOut),
]

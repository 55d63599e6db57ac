"""What a scenario may say: typed, frozen, and closed (an unknown key is a fault)."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

Share = Annotated[float, Field(gt=0, le=1)]
Tokens = Annotated[int, Field(gt=0, le=10_000_000)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Closed(BaseModel):
    """Frozen, strict, and without room for keys that nobody reads."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


# --- lengths -----------------------------------------------------------------------------------------------


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


def _spell_out(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"distribution": "fixed", "tokens": value}
    if value == "trace":
        return {"distribution": "trace"}
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic makes a fault of a ValueError only
            f"{value!r} is no length: say a number of tokens, trace, or a mapping with distribution"
        )
    return value


SpelledOut = Annotated[
    FixedLength | LognormalLength | EmpiricalLength | TraceLength,
    Field(discriminator="distribution"),
]
Length = Annotated[
    SpelledOut,
    BeforeValidator(_spell_out, json_schema_input_type=Tokens | Literal["trace"] | SpelledOut),
]


# --- what is good enough -----------------------------------------------------------------------------------


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


# --- traffic -----------------------------------------------------------------------------------------------


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


class _Generation(_Traffic):
    output_tokens: Length = Field(description="asked for; real servers take it as a cap")
    stream: bool = True
    sampling: Sampling = Sampling()


class ChatTraffic(_Generation):
    """OpenAI chat completions."""

    operation: Literal["chat"]


class GenerateTraffic(_Generation):
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


# --- when --------------------------------------------------------------------------------------------------


class ConstantArrivals(Closed):
    """One request every 1 / rate seconds, exactly."""

    process: Literal["constant"]
    rate_per_s: PositiveFloat


class PoissonArrivals(Closed):
    """Independent users: exponential gaps with mean 1 / rate."""

    process: Literal["poisson"]
    rate_per_s: PositiveFloat


class TraceArrivals(Closed):
    """The instants (and lengths, where a class says `trace`) of a recorded trace."""

    process: Literal["trace"]
    file: Annotated[str, Field(min_length=1)]
    format: Literal["azure"] = "azure"
    speed: PositiveFloat = Field(1.0, description="5 = five times faster than the trace")
    max_input_tokens: Tokens | None = None
    over_limit: Literal["clip", "drop"] = "clip"
    broken_lines: Literal["stop", "skip"] = "stop"


Arrivals = Annotated[ConstantArrivals | PoissonArrivals | TraceArrivals, Field(discriminator="process")]


class ClosedLoop(Closed):
    """A fixed number of users, each of whom waits for a reply, thinks, and asks again."""

    users: PositiveInt
    think_time_s: NonNegativeFloat = 1.0
    think: Literal["exponential", "constant"] = "exponential"


# --- whom and how long -------------------------------------------------------------------------------------


def _has_real_port(url: str) -> str:
    if not 0 < (urlsplit(url).port or 80) < 65_536:
        raise ValueError(f"{url!r} has no real port")
    return url


Url = Annotated[
    str,
    Field(pattern=r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?$"),
    AfterValidator(_has_real_port),
]


class Target(Closed):
    """Where the requests go. Without a URL: the embedded simulated gateway."""

    kind: Literal["sie", "openai"] = "sie"
    url: Url | None = None
    api_key_env: EnvironmentName | None = Field(None, description="name of the variable that holds the key")
    admin_key_env: EnvironmentName | None = Field(None, description="the same for pool writes")


class Timeouts(Closed):
    """When to give a request up.

    A stream's first byte is its first event; keep-alive comments do not count.
    """

    connect_s: PositiveFloat = 10.0
    first_byte_s: PositiveFloat = 60.0
    token_s: PositiveFloat = 30.0
    overall_s: PositiveFloat = 300.0


class Seeds(Closed):
    """One seed a dimension, so that one can change alone."""

    arrivals: NonNegativeInt = 1
    classes: NonNegativeInt = 1
    profiles: NonNegativeInt = 1
    lengths: NonNegativeInt = 1
    texts: NonNegativeInt = 1
    think: NonNegativeInt = 1


class Sim(Closed):
    """The embedded simulated gateway, used where the target has no URL."""

    dialect: Literal["0.4", "0.10"] = "0.4"
    fleet: Annotated[str, Field(min_length=1)] = "l4=2,a100-40gb=1"
    cold_start_scale: PositiveFloat = Field(1.0, description="0.1 = cold starts ten times shorter")
    seed: NonNegativeInt = 1
    fault_plan: str | None = None


class Scenario(Closed):
    """A replayable experiment: what is sent, when, to whom, and what is good enough."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    description: str = ""
    duration_s: PositiveFloat = Field(description="from the first arrival to the last, warm-up included")
    warmup_s: NonNegativeFloat = Field(0.0, description="cut from the start before anything is measured")
    drain_s: NonNegativeFloat = Field(30.0, description="how long to wait for replies after the last arrival")
    seeds: Seeds = Seeds()
    target: Target = Target()
    timeouts: Timeouts = Timeouts()
    arrivals: Arrivals | None = None
    closed_loop: Annotated[ClosedLoop | None, Field(validate_default=True)] = None
    classes: tuple[Annotated[Traffic, Field(discriminator="operation")], ...]
    chars_per_token: PositiveFloat | None = Field(
        None, description="length of a token in generated texts; left out: learned from the server's usage"
    )
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    sim: Sim = Sim()

    # Field by field, so that one fault hides no other and each has its line. `info.data` holds the keys
    # above that are valid in themselves.

    @field_validator("warmup_s")
    @classmethod
    def _leaves_something(cls, warmup_s: float, info: ValidationInfo) -> float:
        duration_s = info.data.get("duration_s")
        if duration_s is not None and warmup_s >= duration_s:
            raise ValueError(f"warmup_s {warmup_s:g} leaves nothing of duration_s {duration_s:g}")
        return warmup_s

    @field_validator("closed_loop")
    @classmethod
    def _one_loop(cls, closed_loop: ClosedLoop | None, info: ValidationInfo) -> ClosedLoop | None:
        if "arrivals" in info.data and (info.data["arrivals"] is None) == (closed_loop is None):
            raise ValueError("give one of arrivals (open loop) and closed_loop")
        return closed_loop

    @field_validator("classes")
    @classmethod
    def _fit_together(cls, classes: tuple[Traffic, ...], info: ValidationInfo) -> tuple[Traffic, ...]:
        names = [traffic.name for traffic in classes]
        repeated = sorted({name for name in names if names.count(name) > 1})
        rules = {
            "classes is empty: name at least one traffic class": not classes,
            f"class names must differ; repeated: {', '.join(repeated)}": bool(repeated),
            "lengths from the trace need arrivals with process: trace": "arrivals" in info.data
            and not isinstance(info.data["arrivals"], TraceArrivals)
            and any(isinstance(length, TraceLength) for traffic in classes for length in _lengths(traffic)),
        }
        if "target" in info.data and info.data["target"].kind == "openai":
            foreign = sorted({traffic.operation for traffic in classes} - {"chat"})
            rules[f"target kind openai serves chat only, not {', '.join(foreign)}"] = bool(foreign)
        broken = [rule for rule, is_broken in rules.items() if is_broken]
        if broken:
            raise ValueError("; ".join(broken))
        return classes

    def traffic(self, name: str) -> Traffic:
        """The traffic class of that name; KeyError where there is none."""
        return {traffic.name: traffic for traffic in self.classes}[name]


def _lengths(traffic: Traffic) -> list[FixedLength | LognormalLength | EmpiricalLength | TraceLength]:
    if isinstance(traffic, _Generation):
        return [traffic.input_tokens, traffic.output_tokens]
    return [traffic.input_tokens]

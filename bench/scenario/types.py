"""What a scenario may say as a whole: when, whom, how long, and which traffic."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    ValidationInfo,
    field_validator,
)

from bench.scenario.base import Closed, EnvironmentName, Tokens
from bench.scenario.lengths import TraceLength
from bench.scenario.pools import Pool
from bench.scenario.routes import refusals
from bench.scenario.traffic import Traffic, is_given, lengths_of


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

    users: Annotated[int, Field(gt=0, le=20_000)]
    think_time_s: NonNegativeFloat = 1.0
    think: Literal["exponential", "constant"] = "exponential"


def _can_be_loaded(url: str) -> str:
    parts = urlsplit(url)
    if not 0 < (parts.port or 80) < 65_536:
        raise ValueError(f"{url!r} has no real port")
    return url


Url = Annotated[
    str,
    Field(pattern=r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-\"$->@-~]*)?$"),
    AfterValidator(_can_be_loaded),
]


def _dialect_as_written(value: Any) -> Any:
    """YAML reads 0.4 and 0.10 as numbers; they are names."""
    return {0.4: "0.4", 0.1: "0.10"}.get(value, value) if isinstance(value, float) else value


class Target(Closed):
    """Where the requests go. Without a URL: the embedded simulated gateway."""

    kind: Literal["sie", "openai"] = "sie"
    dialect: Annotated[Literal["auto", "0.4", "0.10"], BeforeValidator(_dialect_as_written)] = Field(
        "auto", description="generation of the gateway's wire contract; auto: found out before the start"
    )
    url: Url | None = None
    api_key_env: EnvironmentName | None = Field(None, description="name of the variable that holds the key")
    admin_key_env: EnvironmentName | None = Field(None, description="the same for pool writes")
    ca_file: str | None = Field(
        None, description="PEM file of the authorities to believe; none: the system's"
    )
    verify: bool = Field(True, description="false: believe any certificate, which the report then says")
    estimate_tokens: bool = Field(
        False, description="where the server reports no usage, estimate token counts from characters"
    )


class Timeouts(Closed):
    """When to give a request up.

    A stream's first byte is its first event; keep-alive comments do not count.
    """

    connect_s: PositiveFloat = 10.0
    first_byte_s: PositiveFloat = 60.0
    token_s: PositiveFloat = 30.0
    overall_s: PositiveFloat = 300.0


class Retry(Closed):
    """What to do about a refusal for lack of capacity (cold, loading, overloaded); anything else is final."""

    policy: Literal["never", "wait"] = "never"
    cap_s: PositiveFloat = Field(10.0, description="longest pause before a try, whatever Retry-After says")
    budget_s: PositiveFloat = Field(300.0, description="no try begins later than this after the first")


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

    dialect: Annotated[Literal["0.4", "0.10"], BeforeValidator(_dialect_as_written)] = "0.4"
    fleet: Annotated[str, Field(min_length=1)] = "l4=2,a100-40gb=1"
    cold_start_scale: PositiveFloat = Field(1.0, description="0.1 = cold starts ten times shorter")
    autoscale: bool = Field(False, description="lanes grow and shrink between MIN and MAX")
    affinity: bool = Field(False, description="routing keys and beginnings of prompts choose the worker")
    step_jitter: Annotated[float, Field(ge=0, le=1)] = Field(
        0.04, description="sigma of the lognormal lengths of steps and batches; 0 for none"
    )
    profile_file: str | None = Field(None, description="machine profiles and models of one's own, YAML")
    spot_lifetime_s: NonNegativeFloat = Field(
        0.0, description="mean life of a node of a spot profile; 0 for ever"
    )
    spot_notice_s: NonNegativeFloat = Field(30.0, description="from its notice to its end")
    seed: NonNegativeInt = 1
    fault_plan: str | None = None


def _spoken(target: Target, sim: Sim) -> str | None:
    """The dialect of the gateway, where it is known before it is asked."""
    told = None if target.dialect == "auto" else target.dialect
    return told or (sim.dialect if target.url is None else None)


MOST_REQUESTS = 20_000_000


class Scenario(Closed):
    """A replayable experiment: what is sent, when, to whom, and what is good enough."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    description: str = ""
    duration_s: PositiveFloat = Field(description="from the first arrival to the last, warm-up included")
    warmup_s: NonNegativeFloat = Field(0.0, description="cut from the start before anything is measured")
    drain_s: NonNegativeFloat = Field(30.0, description="how long to wait for replies after the last arrival")
    seeds: Seeds = Seeds()
    target: Target = Target()
    pools: tuple[Pool, ...] = Field((), description="pools to make for the run and to delete after it")
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    arrivals: Arrivals | None = None
    closed_loop: Annotated[ClosedLoop | None, Field(validate_default=True)] = None
    sim: Sim = Sim()
    classes: tuple[Annotated[Traffic, Field(discriminator="operation")], ...]
    chars_per_token: PositiveFloat | None = Field(
        None, description="length of a token in generated texts; left out: learned from the server's usage"
    )
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01

    # Field by field, so that one fault hides no other and each has its line. `info.data` holds the keys
    # above that are valid in themselves.

    @field_validator("warmup_s")
    @classmethod
    def _leaves_something(cls, warmup_s: float, info: ValidationInfo) -> float:
        duration_s = info.data.get("duration_s")
        if duration_s is not None and warmup_s >= duration_s:
            raise ValueError(f"warmup_s {warmup_s:g} leaves nothing of duration_s {duration_s:g}")
        return warmup_s

    @field_validator("pools")
    @classmethod
    def _can_be_made(cls, pools: tuple[Pool, ...], info: ValidationInfo) -> tuple[Pool, ...]:
        names = [pool.name for pool in pools]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"pool names must differ; repeated: {', '.join(repeated)}")
        if pools and "target" in info.data and info.data["target"].kind == "openai":
            raise ValueError("target kind openai has no pools")
        return pools

    @field_validator("arrivals")
    @classmethod
    def _can_be_held(cls, arrivals: Arrivals | None, info: ValidationInfo) -> Arrivals | None:
        rate_per_s, duration_s = getattr(arrivals, "rate_per_s", 0.0), info.data.get("duration_s", 0.0)
        if rate_per_s * duration_s > MOST_REQUESTS:
            raise ValueError(
                f"rate_per_s {rate_per_s:g} for {duration_s:g} s is more than {MOST_REQUESTS:,} requests"
            )
        return arrivals

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
            "classes is empty: name at least one traffic class": not (
                classes or info.data.get("closed_loop")
            ),
            f"class names must differ; repeated: {', '.join(repeated)}": bool(repeated),
            "lengths from the trace need arrivals with process: trace": "arrivals" in info.data
            and not isinstance(info.data["arrivals"], TraceArrivals)
            and any(isinstance(length, TraceLength) for traffic in classes for length in lengths_of(traffic)),
            "given lengths need a closed_loop: its users' tasks give the texts": bool(
                info.data.get("arrivals")
            )
            and any(map(is_given, classes)),
            "{user} in a key needs a closed_loop: without one there are no users": bool(
                info.data.get("arrivals")
            )
            and any("{user}" in str(value) for traffic in classes for value in traffic.body.values()),
        }
        broken = [rule for rule, is_broken in rules.items() if is_broken]
        if "target" in info.data and "sim" in info.data:
            target, dialect = info.data["target"], _spoken(info.data["target"], info.data["sim"])
            broken += [why for traffic in classes for why in refusals(traffic, target.kind, dialect)]
        if broken:
            raise ValueError("; ".join(dict.fromkeys(broken)))
        return classes

    def traffic(self, name: str) -> Traffic:
        """The traffic class of that name; KeyError where there is none."""
        return {traffic.name: traffic for traffic in self.classes}[name]

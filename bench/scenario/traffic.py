"""What is sent, class by class, and what is good enough for it."""

import re
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bench.scenario.base import Closed, Share, Tokens
from bench.scenario.lengths import Length, SpelledOut
from bench.scenario.sampling import Sampling

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


class _Traffic(Closed):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    weight: PositiveFloat = Field(1.0, description="share of requests, relative to the other classes")
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
    def _slo_applies(self) -> "_Traffic":
        streams = bool(getattr(self, "stream", False))
        if self.slo and not streams and {"ttft", "tpot"} & set(self.slo.limits_ms()):
            raise ValueError(
                f"{self.name!r} does not stream, so it has no ttft or tpot: use e2e_ms in its slo"
            )
        return self


class Generation(_Traffic):
    """What chat, completion and generate have in common."""

    operation: str
    output_tokens: Length = Field(description="asked for; real servers take it as a cap")
    stream: bool = True
    sampling: Sampling = Sampling()

    @cached_property
    def body(self) -> dict[str, Any]:
        """Sampling stands among the other fields."""
        sampling = self.sampling.model_dump(mode="json", include=set(self.sampling.said()))
        return sampling | super().body


def _only_known_places(key: str) -> str:
    unknown = [place for place in re.findall(r"\{[^{}]*\}?|\}", key) if place not in {"{index}", "{user}"}]
    if unknown:
        raise ValueError(f"{key!r}: {unknown[0]!r} means nothing here; there are {{index}} and {{user}}")
    return key


RoutingKey = Annotated[
    Text,
    AfterValidator(_only_known_places),
    Field(
        description="{index}, {user}: the number of the request, of the user; a fixed key pins all traffic"
    ),
]


class _Routed(Closed):
    """What decides where the gateway sends a generation."""

    lora_adapter: Text | None = None
    routing_key: RoutingKey | None = None
    prompt_cache_key: RoutingKey | None = None


def _word_or_object(choice: JsonValue) -> JsonValue:
    if choice is not None and not isinstance(choice, str | dict):
        raise ValueError(
            f"{choice!r} is no tool_choice: say auto, none, required, or an object that names a function"
        )
    return choice


class ChatTraffic(Generation, _Routed):
    """OpenAI chat completions."""

    operation: Literal["chat"]
    stream_usage: bool = Field(True, description="ask for usage in streams; false: send no stream_options")
    tools: tuple[Object, ...] = ()
    tool_choice: Annotated[JsonValue, AfterValidator(_word_or_object)] = None
    parallel_tool_calls: bool | None = None
    response_format: Object | None = None

    SENT = ("lora_adapter", "routing_key", "prompt_cache_key", "tools", "tool_choice", "parallel_tool_calls",
            "response_format")  # fmt: skip

    @model_validator(mode="after")
    def _choice_of_something(self) -> "ChatTraffic":
        if not self.tools and (self.tool_choice is not None or self.parallel_tool_calls is not None):
            raise ValueError("tool_choice and parallel_tool_calls need tools")
        return self


class CompletionTraffic(Generation):
    """OpenAI completions: a bare prompt."""

    operation: Literal["completion"]
    stream_usage: bool = Field(True, description="ask for usage in streams; false: send no stream_options")


class GenerateTraffic(Generation, _Routed):
    """The gateway's own generate."""

    operation: Literal["generate"]
    grammar: Object | None = None

    SENT = ("lora_adapter", "routing_key", "prompt_cache_key", "grammar")

    @field_validator("grammar")
    @classmethod
    def _one_language(cls, grammar: Object | None) -> Object | None:
        if grammar is not None and len({"json_schema", "regex", "ebnf"} & set(grammar)) != 1:
            raise ValueError("a grammar has exactly one of json_schema, regex, ebnf")
        return grammar


class Batch(_Traffic):
    """Requests of `batch_size` items, each of `input_tokens`."""

    batch_size: PositiveInt = 1


class Ranking(_Traffic):
    """Requests of a query and `documents`, each of `input_tokens`."""

    documents: PositiveInt = 10
    query_tokens: Tokens = 32

    @property
    def due(self) -> int:
        """Scores that a whole answer holds."""
        return self.documents


class _Native(Closed):
    """What the gateway's own routes for items have in common."""

    wire: Literal["msgpack", "json"] = Field("msgpack", description="how bodies are written, both ways")
    instruction: Text | None = None
    options: Object = Field({}, description="the model's own options, as they are")


Vectors = Literal["dense", "sparse", "multivector"]


def _some(kinds: tuple[Vectors, ...]) -> tuple[Vectors, ...]:
    if not kinds:
        raise ValueError("name at least one of dense, sparse, multivector")
    return kinds


class EncodeTraffic(Batch, _Native):
    """Embeddings: dense, sparse, multivector."""

    operation: Literal["encode"]
    output_types: Annotated[tuple[Vectors, ...], AfterValidator(_some)] = ("dense",)
    output_dtype: Literal["float32", "float16", "int8", "uint8", "binary", "ubinary"] | None = None
    is_query: bool | None = None

    SENT = ("output_types", "instruction", "output_dtype", "is_query", "options")


class ScoreTraffic(Ranking, _Native):
    """Reranking by the gateway's own route."""

    operation: Literal["score"]

    SENT = ("instruction", "options")


class ExtractTraffic(Batch, _Native):
    """Entities, relations and the like."""

    operation: Literal["extract"]
    labels: tuple[Text, ...] = ()
    output_schema: Object | None = None

    SENT = ("labels", "output_schema", "instruction", "options")


class EmbedTraffic(Batch):
    """OpenAI embeddings."""

    operation: Literal["embed"]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: PositiveInt | None = None

    SENT = ("encoding_format", "dimensions")


class RerankTraffic(Ranking):
    """Reranking as Cohere, Jina and vLLM have it."""

    operation: Literal["rerank"]
    top_n: PositiveInt | None = None
    return_documents: bool | None = None

    SENT = ("top_n", "return_documents")

    @property
    def due(self) -> int:
        """The best of them, where the ranking is cut."""
        return self.top_n or self.documents

    @field_validator("top_n")
    @classmethod
    def _there_are_as_many(cls, top_n: int | None, info: ValidationInfo) -> int | None:
        documents = info.data.get("documents")
        if top_n is not None and documents is not None and top_n > documents:
            raise ValueError(f"top_n {top_n} is above documents {documents}")
        return top_n


Traffic = (
    ChatTraffic
    | CompletionTraffic
    | GenerateTraffic
    | EncodeTraffic
    | ScoreTraffic
    | ExtractTraffic
    | EmbedTraffic
    | RerankTraffic
)


def lengths_of(traffic: Traffic) -> list[SpelledOut]:
    """Input and, where there is one, output."""
    if isinstance(traffic, Generation):
        return [traffic.input_tokens, traffic.output_tokens]
    return [traffic.input_tokens]

"""Traffic that generates text: chat, completion, generate."""

import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, field_validator, model_validator

from bench.scenario.base import Closed
from bench.scenario.common import CommonTraffic, Object, Text
from bench.scenario.lengths import Length
from bench.scenario.sampling import Sampling


class Generation(CommonTraffic):
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

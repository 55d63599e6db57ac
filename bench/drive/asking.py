"""A planned request -> an Ask in the target's terms."""

from copy import copy
from typing import Any

from msgspec import Struct

from bench.protocol import Ask, trace_of
from bench.protocol.facts import Wire
from bench.scenario import Traffic
from bench.workload import Planned, Texts

Shared = tuple[str, str | None, str, bool, str, str | None, int | None, int | None, int | None]
"""The values of the log's SHARED."""


class Recipe(Struct, gc=False):
    """What the requests of a class with equal profile and lengths share: all but their index and texts."""

    texts: Texts
    pattern: Ask
    """What one of them asks."""
    sizes: tuple[int, ...]
    shared: Shared
    fills: bool
    """Whether some of the body besides its texts is the request's own."""

    def ask(self, planned: Planned) -> Ask:
        """What another asks."""
        ask = copy(self.pattern)
        ask.texts = self.texts.written(planned.index, self.sizes)
        if self.fills:
            ask.params = _params(planned, planned.traffic.body)
        return ask


def recipe_of(planned: Planned, texts: Texts, *, estimate_tokens: bool = False) -> Recipe:
    """How a request and those like it are asked for.

    With `estimate_tokens` tokens that the server does not report are estimated from characters.
    """
    traffic = planned.traffic
    pattern = pattern_of(traffic, stream=planned.stream)
    pattern.max_tokens, pattern.profile = planned.out_tokens, planned.profile
    if estimate_tokens:
        pattern.chars_per_token = texts.per_token(traffic)
    pattern.texts = texts.of(planned)
    fills = not traffic.body.keys().isdisjoint({*_KEYS, "min_tokens"})
    return Recipe(texts, pattern, texts.sizes(planned), shared_of(planned), fills)


def shared_of(planned: Planned) -> Shared:
    """What the records of such requests have in common."""
    traffic = planned.traffic
    return (
        traffic.name,
        planned.profile,
        traffic.operation,
        planned.stream,
        traffic.model,
        traffic.pool,
        planned.in_tokens,
        planned.out_tokens,
        planned.items,
    )


def pattern_of(traffic: Traffic, *, stream: bool) -> Ask:
    """What a class says of every request."""
    wire: Wire = getattr(traffic, "wire", "json")
    return Ask(
        operation=traffic.operation,
        model=traffic.model,
        texts=(),
        stream=stream,
        params=traffic.body,
        extra=traffic.extra,
        stream_usage=getattr(traffic, "stream_usage", True),
        wire=wire,
        pool=traffic.pool,
    )


def _params(planned: Planned, body: dict[str, Any]) -> dict[str, Any]:
    """The class's own fields, and in place of some the request's own.

    Keys that route get the request's and the user's number; `min_tokens` above the cap would be refused.
    """
    own: dict[str, Any] = {name: _filled(body[name], planned) for name in _KEYS & body.keys()}
    if "min_tokens" in body and planned.out_tokens is not None:
        own["min_tokens"] = min(body["min_tokens"], planned.out_tokens)
    return body | own


_KEYS = frozenset({"routing_key", "prompt_cache_key"})


def _filled(key: str, planned: Planned) -> str:
    return key.replace("{index}", str(planned.index)).replace("{user}", str(planned.user))


def span_of(index: int, attempt: int) -> int:
    """Of a W3C trace context whose trace is the run: the low 48 bits are the index, above them the attempt.

    With the attempt in it a span is never 0, which the standard forbids.
    """
    return attempt << 48 | index


def traceparent(run_id: str, index: int, attempt: int) -> str:
    """The whole trace context of a request."""
    return trace_of(run_id, span_of(index, attempt))

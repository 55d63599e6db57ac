"""A planned request -> an Ask in the target's terms."""

from typing import Any

from bench.protocol import Ask
from bench.protocol.facts import Wire
from bench.scenario import Traffic
from bench.workload import Planned, Texts, once_a_class, shape_of


def ask_for(planned: Planned, texts: Texts, *, estimate_tokens: bool = False) -> Ask:
    """A planned request in the target's terms.

    With `estimate_tokens` tokens that the server does not report are estimated from characters.
    """
    return asked(planned, texts, estimate_tokens=estimate_tokens)[0]


def asked(planned: Planned, texts: Texts, *, estimate_tokens: bool) -> tuple[Ask, bool]:
    """The same, and whether some of its body besides its texts is the request's own."""
    traffic = planned.traffic
    pattern, filled = _pattern(traffic)
    ask = pattern.like(texts.of(planned), planned.out_tokens, planned.profile)
    if filled:
        ask.params = _params(planned, traffic.body)
    if estimate_tokens:
        ask.chars_per_token = texts.per_token(traffic)
    return ask, filled


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


@once_a_class
def _pattern(traffic: Traffic) -> tuple[Ask, bool]:
    filled = not traffic.body.keys().isdisjoint({*_KEYS, "min_tokens"})
    return pattern_of(traffic, stream=shape_of(traffic).stream), filled


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


def traceparent(run_id: str, index: int, attempt: int) -> str:
    """W3C trace context: the run is the trace; the span's low 48 bits are the index, above them the attempt.

    With the attempt in it a span is never 0, which the standard forbids.
    """
    return f"00-{run_id}-{attempt << 48 | index:016x}-01"

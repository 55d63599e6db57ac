"""A planned request -> an Ask in the target's terms."""

from typing import Any, NamedTuple

from bench.protocol import Ask
from bench.protocol.facts import Operation, Wire
from bench.scenario import Traffic
from bench.workload import Planned, Texts, once_a_class


def ask_for(planned: Planned, texts: Texts, *, estimate_tokens: bool = False) -> Ask:
    """A planned request in the target's terms.

    With `estimate_tokens` tokens that the server does not report are estimated from characters.
    """
    traffic = planned.traffic
    fixed = _fixed(traffic)
    return Ask(
        operation=fixed.operation,
        model=fixed.model,
        texts=texts.of(planned),
        stream=planned.stream,
        max_tokens=planned.out_tokens,
        params=_params(planned, fixed.body) if fixed.fills else fixed.body,
        extra=fixed.extra,
        stream_usage=fixed.stream_usage,
        wire=fixed.wire,
        pool=fixed.pool,
        profile=planned.profile,
        chars_per_token=texts.per_token(traffic) if estimate_tokens else None,
    )


class _Fixed(NamedTuple):
    """What a class says of every request; `fills`: some of its body is the request's own."""

    operation: Operation
    model: str
    extra: dict[str, Any]
    stream_usage: bool
    wire: Wire
    pool: str | None
    body: dict[str, Any]
    fills: bool


@once_a_class
def _fixed(traffic: Traffic) -> _Fixed:
    usage: bool = getattr(traffic, "stream_usage", True)
    wire: Wire = getattr(traffic, "wire", "json")
    body = traffic.body
    fills = not body.keys().isdisjoint({*_KEYS, "min_tokens"})
    return _Fixed(traffic.operation, traffic.model, traffic.extra, usage, wire, traffic.pool, body, fills)


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

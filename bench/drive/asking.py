"""A planned request -> an Ask in the target's terms."""

from typing import Any

from bench.protocol import Ask
from bench.protocol.facts import Wire
from bench.scenario import Traffic
from bench.workload import Planned, Texts, shape_of


class Asking:
    """Makes planned requests into Asks; what a class says of all of its own is worked out once.

    With `estimate_tokens` tokens that the server does not report are estimated from characters.
    """

    def __init__(self, texts: Texts, *, estimate_tokens: bool = False) -> None:
        self._texts, self._estimate_tokens = texts, estimate_tokens
        self._patterns: dict[int, tuple[Ask, bool, Traffic]] = {}

    def of(self, planned: Planned) -> tuple[Ask, bool]:
        """The Ask, and whether some of its body besides its texts is the request's own."""
        traffic = planned.traffic
        try:
            pattern, filled, _ = self._patterns[id(traffic)]
        except KeyError:
            pattern, filled, _ = self._learn(traffic)
        ask = pattern.like(self._texts.of(planned), planned.out_tokens, planned.profile)
        if filled:
            ask.params = _params(planned, traffic.body)
        return ask, filled

    def _learn(self, traffic: Traffic) -> tuple[Ask, bool, Traffic]:
        pattern = pattern_of(traffic, stream=shape_of(traffic).stream)
        if self._estimate_tokens:
            pattern.chars_per_token = self._texts.per_token(traffic)
        filled = not traffic.body.keys().isdisjoint({*_KEYS, "min_tokens"})
        # Kept with it, so that no other comes to have its id.
        known = self._patterns[id(traffic)] = pattern, filled, traffic
        return known


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


def traceparent(run_id: str, index: int, attempt: int) -> str:
    """W3C trace context: the run is the trace; the span's low 48 bits are the index, above them the attempt.

    With the attempt in it a span is never 0, which the standard forbids.
    """
    return f"00-{run_id}-{attempt << 48 | index:016x}-01"

"""Which route takes which key: what a server would refuse with 400, request after request, is a fault here.

Read from the gateway's own field lists; its routes for generation are strict. What only its 0.4 dialect
refuses is a fault only where that dialect is known to be spoken.
"""

from collections.abc import Mapping
from typing import Literal

from bench.scenario.generation import CompletionTraffic, Generation
from bench.scenario.traffic import Traffic

Kind = Literal["sie", "openai"]

OPENAI_OPERATIONS = frozenset({"chat", "completion", "embed", "rerank"})
"""What an OpenAI-compatible server serves; the rest are the gateway's own."""

_CHAT = frozenset({"min_p", "ignore_eos"})
_GENERATE = _CHAT | {"top_k", "repetition_penalty", "min_tokens", "n"}
_REFUSED: Mapping[str, frozenset[str]] = {
    "chat": _CHAT,
    "generate": _GENERATE,
    "completion": _GENERATE | {"logit_bias", "logprobs", "top_logprobs"},
}
_REFUSED_AT_0_4: Mapping[str, frozenset[str]] = {
    "chat": frozenset({"min_tokens"}),
    "completion": frozenset({"stream_usage"}),
}
_GATEWAY_ONLY = ("lora_adapter", "routing_key")


def refusals(traffic: Traffic, kind: Kind, dialect: str | None) -> list[str]:
    """Why that target would refuse every request of a class, a sentence each; `dialect` None: not known."""
    if kind == "openai":
        return _by_openai(traffic)
    if traffic.operation == "rerank" and dialect == "0.4":
        return [f"class {traffic.name!r}: a gateway of dialect 0.4 has no /v1/rerank: use operation: score"]
    return _by_gateway(traffic, dialect) if isinstance(traffic, Generation) else []


def _by_openai(traffic: Traffic) -> list[str]:
    if traffic.operation not in OPENAI_OPERATIONS:
        return [f"target kind openai serves {', '.join(sorted(OPENAI_OPERATIONS))}, not {traffic.operation}"]
    said = [name for name in _GATEWAY_ONLY if getattr(traffic, name, None) is not None]
    hint = "leave it out, or give the server's own key in extra"
    return [f"class {traffic.name!r}: {name} is a key of the SIE gateway: {hint}" for name in said]


def _by_gateway(traffic: Generation, dialect: str | None) -> list[str]:
    operation = traffic.operation
    refused = _REFUSED[operation] | (
        _REFUSED_AT_0_4.get(operation, frozenset()) if dialect == "0.4" else set()
    )
    route = f"the gateway's {operation}" + (f" at {dialect}" if dialect else "")
    return [
        f"class {traffic.name!r}: {route} refuses {key} (400): leave it out"
        for key in sorted(_sent(traffic) & refused)
    ]


def _sent(traffic: Generation) -> set[str]:
    sent = set(traffic.sampling.said())
    if isinstance(traffic, CompletionTraffic):
        # It knows the key n, if only with the value 1.
        sent -= {"n"} if traffic.sampling.n == 1 else set()
        sent |= {"stream_usage"} if traffic.stream and traffic.stream_usage else set()
    return sent

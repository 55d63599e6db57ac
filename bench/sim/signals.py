"""What a worker, or the gateway on its behalf, may say instead of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Shape(Enum):
    """Whose words a refusal has."""

    WORKER = "`error` on native routes, the OpenAI envelope on the others"
    GATEWAY = "`detail` on native routes, the OpenAI envelope on the others"
    AUTH = "`detail` on every route"
    ITEMS = "`error` is a string, and each item has an error of its own"
    PAGE = "HTML of a proxy that found no gateway behind it"


@dataclass(frozen=True, slots=True)
class Signal:
    """One refusal; its `Retry-After`, and whether a header repeats its code, are the dialect's."""

    status: int
    code: str
    """On native routes."""
    openai_code: str
    message: str
    shape: Shape = Shape.WORKER
    openai_type: str = "server_error"
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def _worker(status: int, code: str, message: str) -> Signal:
    return Signal(status, code, code, message)


def _gateway(status: int, code: str, openai_code: str, message: str) -> Signal:
    return Signal(status, code, openai_code, message, Shape.GATEWAY)


_INVALID = "invalid_request_error"
_FAILED = {"error_class": "RuntimeError", "attempts": 1, "permanent": True}

SIGNALS = {
    "PROVISIONING": Signal(
        503, "PROVISIONING", "provisioning", "No worker serves this lane yet; retry later"
    ),
    "MODEL_LOADING": _worker(503, "MODEL_LOADING", "The model is being loaded"),
    "LORA_LOADING": _worker(503, "LORA_LOADING", "The adapter is being loaded"),
    "RESOURCE_EXHAUSTED": _worker(503, "RESOURCE_EXHAUSTED", "The worker ran out of GPU memory"),
    "QUEUE_FULL": _worker(503, "QUEUE_FULL", "The worker's queue is full"),
    "QUEUE_UNAVAILABLE": _gateway(
        503, "QUEUE_UNAVAILABLE", "transport_failure", "The queue cannot be reached"
    ),
    "NO_CONSUMERS": _gateway(503, "QUEUE_UNAVAILABLE", "transport_failure", "The queue has no consumers"),
    "BACKPRESSURE": _gateway(503, "QUEUE_UNAVAILABLE", "transport_failure", "Queue backpressure"),
    "RATE_LIMIT_EXCEEDED": Signal(
        429,
        "RATE_LIMIT_EXCEEDED",
        "rate_limit_exceeded",
        "The key-value cache has no room",
        openai_type="rate_limit_error",
    ),
    "RATE_LIMIT": Signal(
        429, "RATE_LIMIT", "RATE_LIMIT", "Too many requests of this key", openai_type="rate_limit_error"
    ),
    "CANCELLED": Signal(408, "CANCELLED", "cancelled", "The request was cancelled"),
    "MODEL_LOAD_FAILED": Signal(
        502,
        "MODEL_LOAD_FAILED",
        "MODEL_LOAD_FAILED",
        "The model cannot be loaded",
        extra=_FAILED,
        headers={"X-SIE-Error-Version": "1"},
    ),
    "INPUT_TOO_LONG": Signal(
        400,
        "INPUT_TOO_LONG",
        "INPUT_TOO_LONG",
        "The input is longer than the model reads",
        Shape.GATEWAY,
        _INVALID,
    ),
    "CONTEXT_EXCEEDED": Signal(
        400,
        "CONTEXT_EXCEEDED",
        "context_exceeded",
        "Prompt and answer exceed the model's context",
        openai_type="context_length_exceeded",
    ),
    "INFERENCE_ERROR": Signal(500, "INFERENCE_ERROR", "inference_error", "The worker failed"),
    "ALL_ITEMS_FAILED": Signal(500, "all_items_failed", "inference_error", "Every item failed", Shape.ITEMS),
    "GATEWAY_TIMEOUT": _gateway(504, "GATEWAY_TIMEOUT", "first_chunk_timeout", "No result came in time"),
    "OVERALL_TIMEOUT": _gateway(504, "GATEWAY_TIMEOUT", "overall_timeout", "The answer took too long"),
    "INTER_CHUNK_TIMEOUT": _gateway(502, "GATEWAY_TIMEOUT", "inter_chunk_timeout", "The next chunk is late"),
    "RESULT_CLOSED": _gateway(504, "GATEWAY_TIMEOUT", "transport_failure", "Result channel closed"),
    "UNAUTHORIZED": Signal(401, "UNAUTHORIZED", "UNAUTHORIZED", "Invalid token", Shape.AUTH),
    "PROXY_502": Signal(502, "", "", "Bad Gateway", Shape.PAGE),
    "PROXY_503": Signal(503, "", "", "Service Unavailable", Shape.PAGE),
}
"""Every signal that a fault plan can name."""

LOADING_SIGNALS = ("MODEL_LOADING", "LORA_LOADING", "RESOURCE_EXHAUSTED")

RETRY_AFTER_S = {
    **dict.fromkeys((*LOADING_SIGNALS, "BACKPRESSURE"), 5),
    **dict.fromkeys(("QUEUE_FULL", "RATE_LIMIT_EXCEEDED", "RATE_LIMIT"), 1),
}
"""The seconds of `Retry-After` that both dialects give."""

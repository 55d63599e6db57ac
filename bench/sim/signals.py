"""What a worker, or the gateway on its behalf, may say instead of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signal:
    """One refusal by name; its `Retry-After`, and whether a header repeats the name, are the dialect's."""

    status: int
    message: str
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


SIGNALS = {
    "MODEL_LOADING": Signal(503, "The model is being loaded"),
    "LORA_LOADING": Signal(503, "The adapter is being loaded"),
    "RESOURCE_EXHAUSTED": Signal(503, "The worker ran out of GPU memory"),
    "MODEL_LOAD_FAILED": Signal(
        502,
        "The model cannot be loaded",
        {"error_class": "RuntimeError", "attempts": 1, "permanent": True},
        {"X-SIE-Error-Version": "1"},
    ),
    "INPUT_TOO_LONG": Signal(400, "The input is longer than the model reads"),
    "GATEWAY_TIMEOUT": Signal(504, "No result came in time"),
}
"""Every signal that a fault plan can name."""

LOADING_RETRY_AFTER_S = {"MODEL_LOADING": 5, "LORA_LOADING": 5, "RESOURCE_EXHAUSTED": 5}
"""The seconds of `Retry-After` that both dialects give."""

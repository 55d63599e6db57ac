"""What differs between the generations of the wire contract; the handlers ask here and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """One generation of the contract; `*_s` are the seconds that go into `Retry-After` or its body."""

    name: str
    gateway_version: str
    cold_status: int
    cold_retry_after_s: int
    cold_estimated_wait_s: int
    no_consumers_retry_after_s: int
    body_bytes: int
    generate_body_bytes: int
    generate_fields: frozenset[str]
    chat_fields: frozenset[str]


_SAMPLING = frozenset(
    [
        *("temperature", "top_p", "stop", "frequency_penalty", "presence_penalty", "seed", "logit_bias"),
        *("logprobs", "top_logprobs", "n", "best_of", "lora_adapter", "routing_key", "prompt_cache_key"),
        *("safety_identifier", "stream", "stream_options"),
    ]
)
_CHAT_ONLY = frozenset(
    [
        *("model", "messages", "max_completion_tokens", "max_tokens", "top_k", "repetition_penalty", "user"),
        *("response_format", "tools", "tool_choice", "parallel_tool_calls"),
    ]
)

DIALECT_0_4 = Dialect(
    name="0.4",
    gateway_version="0.4.1",
    cold_status=202,
    cold_retry_after_s=120,
    cold_estimated_wait_s=180,
    no_consumers_retry_after_s=120,
    body_bytes=16 * 2**20,
    generate_body_bytes=4 * 2**20,
    generate_fields=_SAMPLING | {"prompt", "max_new_tokens", "grammar"},
    chat_fields=_SAMPLING | _CHAT_ONLY,
)
"""The contract of gateway and SDK 0.4.1."""

DIALECTS = {"0.4": DIALECT_0_4}
"""Every dialect built so far, by the name that `--dialect` takes."""

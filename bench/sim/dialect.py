"""What differs between the generations of the wire contract; the handlers ask here and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.sim.compat import openai_refusal_0_4, openai_refusal_0_10
from bench.sim.model import CONTRACT_0_4, CONTRACT_0_10, Contract
from bench.sim.pool_rules import POOLS_0_4, POOLS_0_10, PoolRules
from bench.sim.provisioning import Cold, accepted, unavailable
from bench.sim.reply import RefusalError, Reply, all_items_failed, invalid_input
from bench.sim.signals import LOADING_SIGNALS, RETRY_AFTER_S, SIGNALS

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Dialect:
    """One generation of the contract; `*_s` are the seconds that go into `Retry-After`."""

    name: str
    contract: Contract
    cold_reply: Callable[[Cold], RefusalError]
    cold_retry_after_s: int
    no_consumers_retry_after_s: int
    pools: PoolRules
    body_bytes: int
    generate_body_bytes: int
    extract_body_bytes: int
    most_items: float
    most_documents: float
    most_inputs: float
    """Texts that embeddings take at once."""
    items_refused: Callable[[list[tuple[int, str]]], RefusalError]
    """What it is when a worker can make nothing of any item."""
    embed_refusal: Callable[[Reply], RefusalError]
    """How embeddings word what encode refuses."""
    generate_fields: frozenset[str]
    chat_fields: frozenset[str]
    completion_fields: frozenset[str]
    retry_after_s: Mapping[str, int]
    """Seconds of `Retry-After`, by signal; absent ones have none."""
    header_signals: frozenset[str]
    """Signals that `X-SIE-Error-Code` repeats."""
    late_items: str
    """The signal when items were not encoded or scored in time."""
    stream_error_keys: frozenset[str] = frozenset()
    """Keys that an error inside a stream has beyond those of 0.4."""
    usage_details: Mapping[str, object] = field(default_factory=dict)
    dtype_names: Mapping[str, str] = field(default_factory=dict)
    """What a reply calls an element type, where it is not what the request called it."""
    forwards_dtype: bool = False
    """Whether `params.output_dtype` reaches the worker."""
    tells_shapes: bool = False
    """Whether sparse and multivector results say their dimensions and type."""
    echoes_extract_ids: bool = False
    generate_tells_logprobs: bool = False
    """Whether the stream of generate has log probabilities; its whole reply never does."""
    reranks: bool = False
    """Whether there are routes for rerank."""
    health_keys: frozenset[str] = frozenset()
    """Keys that `/health` has beyond those of 0.4, at the top or in a worker."""

    @property
    def largest_body_bytes(self) -> int:
        """No route reads more than this."""
        return max(self.body_bytes, self.generate_body_bytes, self.extract_body_bytes)


_SAMPLING = frozenset(
    [
        *("temperature", "top_p", "stop", "frequency_penalty", "presence_penalty", "seed", "logit_bias"),
        *("logprobs", "top_logprobs", "lora_adapter", "routing_key", "prompt_cache_key"),
        *("safety_identifier", "stream"),
    ]
)
_CHOICES = frozenset(["n", "best_of", "stream_options"])
_GENERATE_ONLY = frozenset(["prompt", "max_new_tokens", "grammar"])
_CHAT_ONLY = frozenset(
    [
        *("model", "messages", "max_completion_tokens", "max_tokens", "top_k", "repetition_penalty", "user"),
        *("response_format", "tools", "tool_choice", "parallel_tool_calls"),
    ]
)
_COMPLETION = frozenset(
    [
        *("model", "prompt", "max_tokens", "temperature", "top_p", "stop", "frequency_penalty"),
        *("presence_penalty", "seed", "stream", "n"),
    ]
)

DIALECT_0_4 = Dialect(
    name="0.4",
    contract=CONTRACT_0_4,
    cold_reply=accepted,
    cold_retry_after_s=120,
    no_consumers_retry_after_s=120,
    pools=POOLS_0_4,
    body_bytes=16 * _MIB,
    generate_body_bytes=4 * _MIB,
    extract_body_bytes=16 * _MIB,
    most_items=float("inf"),
    most_documents=float("inf"),
    most_inputs=float("inf"),
    items_refused=all_items_failed,
    embed_refusal=openai_refusal_0_4,
    dtype_names={"ubinary": "binary", "uint8": "binary"},
    generate_fields=_SAMPLING | _CHOICES | _GENERATE_ONLY,
    chat_fields=_SAMPLING | _CHOICES | _CHAT_ONLY,
    completion_fields=_COMPLETION,
    retry_after_s={**RETRY_AFTER_S, "NO_CONSUMERS": 120},
    header_signals=frozenset([*LOADING_SIGNALS, "MODEL_LOAD_FAILED"]),
    late_items="MODEL_LOADING",
)
"""The contract of gateway and SDK 0.4.1."""

DIALECT_0_10 = Dialect(
    name="0.10",
    contract=CONTRACT_0_10,
    cold_reply=unavailable,
    cold_retry_after_s=60,
    no_consumers_retry_after_s=60,
    pools=POOLS_0_10,
    body_bytes=16 * _MIB,
    generate_body_bytes=24 * _MIB,
    extract_body_bytes=34 * _MIB,
    most_items=4096,
    most_documents=1000,
    most_inputs=256,
    items_refused=invalid_input,
    embed_refusal=openai_refusal_0_10,
    dtype_names={"ubinary": "binary"},
    forwards_dtype=True,
    tells_shapes=True,
    echoes_extract_ids=True,
    generate_tells_logprobs=True,
    reranks=True,
    generate_fields=_SAMPLING | _GENERATE_ONLY | {"images", "options"},
    chat_fields=_SAMPLING
    | _CHOICES
    | _CHAT_ONLY
    | {"min_tokens", "chat_template_kwargs", "include_reasoning"},
    completion_fields=_COMPLETION | {"stream_options"},
    retry_after_s={**RETRY_AFTER_S, "NO_CONSUMERS": 60, "GATEWAY_TIMEOUT": 5, "RESULT_CLOSED": 5},
    header_signals=frozenset(SIGNALS),
    late_items="GATEWAY_TIMEOUT",
    stream_error_keys=frozenset(["param", "retry_after_s"]),
    usage_details={"prompt_tokens_details": {"cached_tokens": 0}},
    health_keys=frozenset(["pending_generation", "ready_gpu_slots", "pending_cost", "inflight_batches"]),
)
"""What SDK 0.10.1 relies on, and the changes that are known of gateways since 0.4.1."""

DIALECTS = {dialect.name: dialect for dialect in (DIALECT_0_4, DIALECT_0_10)}
"""Every dialect, by the name that `--dialect` takes."""

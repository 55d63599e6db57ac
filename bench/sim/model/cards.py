"""Model cards: the shapes that decide how long a model computes and what it holds in memory.

Sources: `gpu-model.md` section 5.1 and the published model configurations.  To add a model, add a row.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["generate", "encode", "score", "extract"]

GENERATION_BUNDLE = "sglang"
DEFAULT_BUNDLE = "default"
_WEIGHT_BYTES = 2
_CACHE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Card:
    """One model in bf16; counts are parameters, layers, heads, units and tokens."""

    name: str
    kind: Kind
    layer_parameters: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_units: int
    vocabulary: int
    context_tokens: int
    max_output_tokens: int = 0
    dense_units: int = 0
    outputs: tuple[str, ...] = ()
    tools: bool = False
    grammar: tuple[str, ...] = ()
    """Kinds of grammar that the engine obeys."""
    lora_adapters: tuple[str, ...] = ()
    reasoning: bool = False

    @property
    def bundle(self) -> str:
        """The bundle whose workers serve this model; generation and the rest never share a worker."""
        return GENERATION_BUNDLE if self.kind == "generate" else DEFAULT_BUNDLE

    @property
    def layer_bytes(self) -> float:
        """Bytes of the layers' weights, read once a step."""
        return self.layer_parameters * _WEIGHT_BYTES

    @property
    def head_parameters(self) -> float:
        """Parameters of the output head."""
        return float(self.hidden * self.vocabulary)

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights, one embedding table included."""
        return (self.layer_parameters + self.head_parameters) * _WEIGHT_BYTES

    @property
    def kv_token_bytes(self) -> int:
        """Bytes of key-value cache that one token occupies."""
        return 2 * self.layers * self.kv_heads * self.head_units * _CACHE_BYTES

    @property
    def attention_flops(self) -> int:
        """Operations of attention for one token against one token of context."""
        return 4 * self.layers * self.heads * self.head_units


_TOKENS = ("tokens",)
_JSON = ("json_schema",)
_ROWS = (
    Card(
        "Qwen/Qwen3-4B",
        "generate",
        3.63e9,
        36,
        2560,
        32,
        8,
        128,
        151_936,
        32_768,
        4096,
        outputs=_TOKENS,
        tools=True,
        grammar=_JSON,
        reasoning=True,
    ),
    Card("Qwen/Qwen3-0.6B", "generate", 0.44e9, 28, 1024, 16, 8, 128, 151_936, 32_768, 4096, outputs=_TOKENS),
    Card(
        "meta-llama/Llama-3.1-8B-Instruct",
        "generate",
        6.98e9,
        32,
        4096,
        32,
        8,
        128,
        128_256,
        32_768,
        4096,
        outputs=_TOKENS,
        tools=True,
        lora_adapters=("sql", "support"),
    ),
    Card(
        "Qwen/Qwen2.5-0.5B-Instruct",
        "generate",
        0.358e9,
        24,
        896,
        14,
        2,
        64,
        151_936,
        32_768,
        4096,
        outputs=_TOKENS,
    ),
    Card(
        "BAAI/bge-m3",
        "encode",
        302e6,
        24,
        1024,
        16,
        16,
        64,
        250_002,
        8192,
        dense_units=1024,
        outputs=("dense", "sparse", "multivector"),
    ),
    Card(
        "sentence-transformers/all-MiniLM-L6-v2",
        "encode",
        10.6e6,
        6,
        384,
        12,
        12,
        32,
        30_522,
        512,
        dense_units=384,
        outputs=("dense",),
    ),
    Card("BAAI/bge-reranker-v2-m3", "score", 302e6, 24, 1024, 16, 16, 64, 250_002, 8192, outputs=("score",)),
    Card("urchade/gliner_multi-v2.1", "extract", 85e6, 12, 768, 12, 12, 64, 250_105, 384, outputs=("json",)),
)

CARDS = {card.name: card for card in _ROWS}
"""Every known model by its canonical name."""

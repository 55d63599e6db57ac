"""Model cards: the shapes that decide how long a model computes and what it holds in memory."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["generate", "encode", "score", "extract"]

GENERATION_BUNDLE = "sglang"
DEFAULT_BUNDLE = "default"
_WEIGHT_BYTES = 2
_CACHE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Card:
    """One model in bf16; counts are parameters, layers, heads, units and tokens.  Rows: `models.yaml`."""

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
    tables: int = 1
    """Vocabulary tables in memory: 2 where input and output do not share one."""
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
        """Bytes of all weights, embedding tables included."""
        return (self.layer_parameters + self.tables * self.head_parameters) * _WEIGHT_BYTES

    @property
    def head_bytes(self) -> float:
        """Bytes of the output head, read once a step."""
        return self.head_parameters * _WEIGHT_BYTES

    @property
    def kv_token_bytes(self) -> int:
        """Bytes of key-value cache that one token occupies."""
        return 2 * self.layers * self.kv_heads * self.head_units * _CACHE_BYTES

    @property
    def attention_flops(self) -> int:
        """Operations of attention for one token against one token of context."""
        return 4 * self.layers * self.heads * self.head_units

"""How long one engine step and one encoder batch take, from the physics of `gpu-model.md` section 5."""

from dataclasses import dataclass

from bench.sim.model.cards import Card
from bench.sim.model.chips import Chip

_SMOOTHNESS = 4
_CACHE_READ_EFFICIENCY = 0.83
_ATTENTION_EFFICIENCY = 0.6
_ENCODER_READ_EFFICIENCY = 0.8
_BATCH_OVERHEAD_S = 3e-3
_ITEM_OVERHEAD_S = 15e-6
_USABLE_MEMORY = 0.9
# Chosen so that Qwen3-4B on an A100-40GB gets the 185,081 tokens that were measured there.
_ACTIVATION_BYTES = 2.9e9


@dataclass(slots=True)
class StepLoad:
    """What one step computes, summed over its sequences."""

    tokens: int = 0
    sequences: int = 0
    emitting: int = 0
    context_tokens: int = 0
    """Cached tokens that attention reads."""
    attention_pairs: float = 0.0
    """Token-by-token products of the prefill chunks."""


def step_s(chip: Chip, card: Card, load: StepLoad) -> float:
    """Seconds that one step takes."""
    reads_s = card.layer_bytes / (chip.bandwidth_bytes_per_s * chip.memory_efficiency)
    compute_flops = chip.flops * chip.compute_efficiency
    layers_s = _smooth_max(reads_s, 2 * card.layer_parameters * load.tokens / compute_flops)
    head_reads_s = 2 * card.head_parameters / (chip.bandwidth_bytes_per_s * chip.memory_efficiency)
    head_s = max(head_reads_s, 2 * card.head_parameters * load.emitting / compute_flops)
    cache_s = (
        card.kv_token_bytes * load.context_tokens / (chip.bandwidth_bytes_per_s * _CACHE_READ_EFFICIENCY)
    )
    attention_s = card.attention_flops * load.attention_pairs / (chip.flops * _ATTENTION_EFFICIENCY)
    overhead_s = chip.step_overhead_s + chip.sequence_overhead_s * load.sequences
    return layers_s + head_s + cache_s + attention_s + overhead_s


def batch_s(chip: Chip, card: Card, lengths: list[int]) -> float:
    """Seconds that an encoder takes for texts of these lengths in tokens."""
    per_token = 2 * card.layer_parameters
    flops = sum(s * (per_token + 4 * s * card.hidden * card.layers) for s in lengths)
    reads_s = card.layer_bytes / (chip.bandwidth_bytes_per_s * _ENCODER_READ_EFFICIENCY)
    compute_s = flops / (chip.flops * chip.encoder_efficiency)
    return _BATCH_OVERHEAD_S + _ITEM_OVERHEAD_S * len(lengths) + max(reads_s, compute_s)


def cache_budget_tokens(chip: Chip, card: Card) -> int:
    """Tokens that may be reserved at once: the maker's admission budget, or memory where that is smaller."""
    free_bytes = chip.memory_bytes * _USABLE_MEMORY - card.weight_bytes - _ACTIVATION_BYTES
    return max(1, min(chip.admission_budget_tokens, int(free_bytes / card.kv_token_bytes)))


def _smooth_max(a: float, b: float) -> float:
    return float((a**_SMOOTHNESS + b**_SMOOTHNESS) ** (1 / _SMOOTHNESS))

"""How long one engine step and one encoder batch take, from what a chip reads and computes."""

from bench.sim.model.cards import Card
from bench.sim.model.chips import Chip

_ENCODER_READ_EFFICIENCY = 0.8


class StepTime:
    """Seconds per engine step of one model on one chip; the constants are worked out once."""

    def __init__(self, chip: Chip, card: Card) -> None:
        weight_bytes_per_s = chip.bandwidth_bytes_per_s * chip.memory_efficiency
        compute_flops = chip.flops * chip.compute_efficiency
        self._layers_read_s4 = (card.layer_bytes / weight_bytes_per_s) ** 4
        self._layers_token_s = 2 * card.layer_parameters / compute_flops
        self._head_read_s = card.head_bytes / weight_bytes_per_s
        self._head_token_s = 2 * card.head_parameters / compute_flops
        self._cache_token_s = card.kv_token_bytes / (chip.bandwidth_bytes_per_s * chip.cache_efficiency)
        self._pair_s = card.attention_flops / (chip.flops * chip.attention_efficiency)
        self._step_s = chip.step_overhead_s
        self._sequence_s = chip.sequence_overhead_s
        self.floor_s = card.layer_bytes / chip.bandwidth_bytes_per_s
        """Reading the weights at full bandwidth: no step can be shorter."""

    def seconds(
        self, *, tokens: int, sequences: int, emitting: int, context_tokens: int, pairs: float = 0.0
    ) -> float:
        """Seconds of a step that computes `tokens` in `sequences`, of which `emitting` get a new token.

        `context_tokens` are the cached ones that attention reads; `pairs` are the token-by-token products of
        the prefill chunks.  Reading and computing overlap, hence the smooth maximum of both.
        """
        layers_s = (self._layers_read_s4 + (self._layers_token_s * tokens) ** 4) ** 0.25
        head_s = max(self._head_read_s, self._head_token_s * emitting)
        attention_s = self._cache_token_s * context_tokens + self._pair_s * pairs
        return float(layers_s + head_s + attention_s + self._step_s + self._sequence_s * sequences)


def batch_s(chip: Chip, card: Card, lengths: list[int]) -> float:
    """Seconds that an encoder takes for texts of these lengths in tokens."""
    per_token = 2 * card.layer_parameters
    flops = sum(s * (per_token + 4 * s * card.hidden * card.layers) for s in lengths)
    reads_s = card.layer_bytes / (chip.bandwidth_bytes_per_s * _ENCODER_READ_EFFICIENCY)
    compute_s = flops / (chip.flops * chip.encoder_efficiency)
    return chip.batch_overhead_s + chip.item_overhead_s * len(lengths) + max(reads_s, compute_s)


def cache_tokens(chip: Chip, card: Card) -> int:
    """Tokens of key-value cache that fit beside the weights; 0 where the weights alone do not fit."""
    free_bytes = chip.memory_bytes * chip.memory_share - card.weight_bytes - chip.engine_bytes
    return max(0, int(free_bytes / card.kv_token_bytes))

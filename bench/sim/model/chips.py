"""Machine profiles: what one worker of each kind can compute, move and hold, and how its engine is set up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    """One GPU with its engine and host; every figure is per worker.  The rows stand in `profiles.yaml`."""

    profile: str
    flops: float
    """Dense bf16 operations per second, as the datasheet says."""
    bandwidth_bytes_per_s: float
    memory_bytes: float
    compute_efficiency: float
    """Share of `flops` that the linear layers of a decoder reach."""
    memory_efficiency: float
    """Share of the bandwidth that reading weights reaches."""
    encoder_efficiency: float
    """Share of `flops` that an encoder reaches from end to end."""
    step_overhead_s: float
    sequence_overhead_s: float
    step_budget_tokens: int
    """Tokens (prefill chunks and decodes) that one step may hold."""
    admission_budget_tokens: int = 0
    """Reserved tokens (prompt + longest output) that may be in service at once; 0 for no such limit."""
    max_sequences: int = 256
    memory_share: float = 0.85
    """Share of the memory that the engine takes for weights, key-value cache and everything else."""
    engine_bytes: float = 1.2e9
    """What the engine needs beside weights and key-value cache."""
    cache_efficiency: float = 0.83
    """Share of the bandwidth that reading the key-value cache reaches."""
    attention_efficiency: float = 0.6
    """Share of `flops` that attention of a prefill reaches."""
    prefix_cache: bool = True
    spot: bool = False
    """Whether its node may be called back, where the fleet is told how often."""
    front_end_serial_s: float = 1.5e-3
    """Processor time per request, one request at a time: parsing, tokenising, hand-over."""
    front_end_base_s: float = 8e-3
    """Further delay per request that does not keep others waiting."""
    flush_characters: int = 32
    """Text leaves when so much is pending, or `flush_s` after it last left; 1 for every token at once."""
    flush_s: float = 0.05
    batch_overhead_s: float = 3e-3
    item_overhead_s: float = 15e-6
    batch_tokens: int = 16_384
    batch_work: int = 12
    batch_wait_s: float = 0.015
    pipeline_depth: int = 2
    """Encoder batches that are closed and not finished: the one on the GPU and those behind it."""

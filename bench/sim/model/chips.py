"""Machine profiles: what one worker of each kind can compute, move and hold.

Sources: `gpu-model.md` sections 2 and 5.1 (datasheets, kernel fits, the maker's admission budgets).
To add a profile, add a row.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    """One GPU with its engine settings; every figure is per worker."""

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
    admission_budget_tokens: int
    """Reserved tokens (prompt + longest output) that may be in service at once."""


_ROWS = (
    Chip("l4", 121e12, 300e9, 24.1e9, 0.70, 0.88, 0.33, 1.2e-3, 3e-5, 2048, 32_768),
    Chip("l4-spot", 121e12, 300e9, 24.1e9, 0.70, 0.88, 0.33, 1.2e-3, 3e-5, 2048, 32_768),
    Chip("a100-40gb", 312e12, 1555e9, 42.5e9, 0.70, 0.75, 0.40, 3e-4, 1e-5, 2048, 45_056),
    Chip("a100-80gb", 312e12, 2039e9, 85.9e9, 0.70, 0.75, 0.40, 3e-4, 1e-5, 2048, 32_768),
    Chip("h100", 989e12, 3350e9, 85.5e9, 0.66, 0.80, 0.35, 1.5e-3, 0.0, 8192, 106_496),
    # No source: a guess at eight server cores, there so that a `cpu` lane answers slowly but answers.
    Chip("cpu", 0.6e12, 60e9, 32e9, 0.50, 0.60, 0.40, 2e-3, 1e-4, 512, 16_384),
)

CHIPS = {chip.profile: chip for chip in _ROWS}
"""Every known machine profile by name."""

"""Load tests and benchmarks for GPU pools behind an inference gateway."""

__version__ = "0.1.0"

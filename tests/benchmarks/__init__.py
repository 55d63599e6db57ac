"""Measurements that are too fine, or too long, for a test; run by `make benchmarks`."""

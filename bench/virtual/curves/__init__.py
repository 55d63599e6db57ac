"""Latency and throughput of one worker against rate, by the model: `python -m bench.virtual.curves`."""

"""Calibrations made by hand."""

from typing import Any

from bench.record import Calibration, Load, Machine, Step, TimingError

MACHINE = Machine(node="host", cpu="fast one", kernel="6.1", python="3.11.7", poolbench="1.0")

HOST = {"node": "host", "cpu": "fast one", "kernel": "6.1"}
VERSIONS = {"python": "3.11.7", "poolbench": "1.0"}
"""The same as a run notes it."""

GOOD = TimingError(n=1000, p50_ms=0.001, p99_ms=0.02)
NONE = TimingError(n=0, p50_ms=None, p99_ms=None)


def step(streams: int, small: float = 0.0, **facts: Any) -> Step:
    """A step that held: 30 events a second and half a request a second a stream."""
    held = Load(streams=streams, events_per_s=30.0 * streams, requests_per_s=streams / 2 + small)
    base: dict[str, Any] = {
        "asked_streams": streams,
        "asked_small_requests_per_s": small,
        "held": held,
        "ttft": GOOD,
        "gap": GOOD,
        "tpot": GOOD,
        "e2e": GOOD if small else NONE,
        "send_lag_p99_ms": 0.1,
        "merged_share": 0.0,
        "engine_core_share": 0.2,
        "engine_us_per_event": None if small else 25.0,
        "engine_us_per_small_request": 90.0 if small else None,
        "server_late_p50_ms": 0.06,
        "server_late_p99_ms": 0.2,
        "foreign_share": 0.01,
        "gave_out": None,
        "reasons": (),
    }
    return Step(**(base | facts))


def failed(streams: int, small: float = 0.0, **facts: Any) -> Step:
    """A step at which the generator gave out."""
    why = {"gave_out": "generator", "reasons": ("ttft error p99 0.61 ms is not below 0.5 ms",)}
    return step(streams, small, **(why | facts))


def calibration(*steps: Step, **facts: Any) -> Calibration:
    """A whole calibration of `MACHINE`."""
    base: dict[str, Any] = {
        "made": "2026-11-23T10:00:00+00:00",
        "machine": MACHINE,
        "cores": 2,
        "pinned": True,
        "quick": False,
        "ended_early": False,
        "limit_ms": 0.5,
        "steps": steps,
    }
    return Calibration(**(base | facts))

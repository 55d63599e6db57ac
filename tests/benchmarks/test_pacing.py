from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.batches import medians
from tests.benchmarks.neutral import generate, p99, serving

SCENARIO = """
name: pacing
duration_s: 5
drain_s: 5
arrivals: {process: poisson, rate_per_s: 100}
classes:
  - {name: encode, operation: encode, model: mock, input_tokens: 16}
"""


@pytest.mark.parametrize(("rate_per_s", "limit_ms"), [(100, None), (500, None), (2000, 0.5)])
def test_requests_leave_when_they_are_due(
    rate_per_s: int, limit_ms: float | None, mockllm: Path, tmp_path: Path
) -> None:
    """Handed to the socket less scheduled, Poisson arrivals; every scheduled request is sent."""
    with serving(mockllm) as server:

        def batch(number: int) -> dict[str, float]:
            change = f"arrivals.rate_per_s={rate_per_s}"
            requests = generate(tmp_path / str(number), server.url, SCENARIO, change).requests
            assert set(requests["outcome"]) == {"ok"}
            lag_ms = (requests["handed_ns"] - requests["scheduled_ns"]) / 1e6
            return {"lag p50 ms": float(lag_ms.median()), "lag p99 ms": p99(lag_ms), "max ms": lag_ms.max()}

        found = medians(f"{rate_per_s}/s", server, batch)
    if limit_ms is not None:
        assert found["lag p99 ms"] <= limit_ms


def test_a_stall_is_charged_to_every_request_that_was_due_in_it(mockllm: Path, tmp_path: Path) -> None:
    """1 s of stall in 18 s at a constant 500/s, 5 ms of service: p99 is 825 ms, within 2 %."""
    changes = ("arrivals.process=constant", "arrivals.rate_per_s=500", "duration_s=18")
    with serving(mockllm, delay_us=5000) as server:

        def batch(number: int) -> dict[str, float]:
            server.tell("__stall?in_ms=8000&for=1000")
            requests = generate(tmp_path / str(number), server.url, SCENARIO, *changes).requests
            latency_ms = (requests["end_ns"] - requests["scheduled_ns"]) / 1e6
            return {"p99 ms": float(np.percentile(latency_ms, 99)), "requests": len(requests)}

        found = medians("stall", server, batch)
    assert found["requests"] == 9000
    assert found["p99 ms"] == pytest.approx(825, rel=0.02)

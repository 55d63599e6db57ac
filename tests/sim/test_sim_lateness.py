from pathlib import Path

import httpx

from bench.sim.lateness import Lateness
from tests.conftest import Sim

TRACE = "00-{}-0001000000000007-01"


def test_quantiles_are_of_the_writes_of_the_last_run() -> None:
    """Rounded down to a tenth of a millisecond, and forgotten when another run begins."""
    late = Lateness()
    late.begin(TRACE.format("a" * 32))
    for number in range(100):
        late.note(number * 1_000_000)
    late.begin(TRACE.format("a" * 32))
    assert late.as_map() == {"writes": 100, "p50_ms": 49.0, "p99_ms": 98.0, "max_ms": 99.0}
    late.begin(TRACE.format("b" * 32))
    late.note(-5)
    assert late.as_map() == {"writes": 1, "p50_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}


def test_health_tells_it_and_a_stall_of_the_fault_plan_does_not_count(sim: Sim, tmp_path: Path) -> None:
    """A reply that is held for two seconds on purpose is not late."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("[{at_s: 0, fault: stall, duration_s: 2}]\n")
    url = sim("--fleet", "a100-40gb=1", "--fault-plan", str(plan))
    headers = {"traceparent": TRACE.format("c" * 32)}
    body = {"prompt": "hello", "max_new_tokens": 8}
    httpx.post(f"{url}/v1/generate/Qwen__Qwen3-4B", json=body, headers=headers, timeout=20).raise_for_status()
    late = httpx.get(f"{url}/health").json()["simulated"]["late"]
    assert late["writes"] == 1
    assert late["max_ms"] < 1000

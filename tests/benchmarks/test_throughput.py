import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.batches import medians
from tests.benchmarks.neutral import OUR_CORE, Neutral, generate, pinned, serving

USERS = 32
SECONDS = 5

SCENARIO = f"""
name: small-posts
duration_s: {SECONDS}
drain_s: 2
closed_loop: {{users: {USERS}, think_time_s: 0}}
classes:
  - {{name: encode, operation: encode, model: mock, input_tokens: 16}}
"""


def beside(server: Neutral, module: str, *words: str, seconds: float) -> tuple[float, float]:
    """Requests a second, and requests a CPU second, of another client on our core."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *words, str(server.port), str(USERS)]
    done = subprocess.run(pinned([*command, str(seconds)], OUR_CORE), stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return told["requests"] / seconds, told["requests"] / told["cpu_s"]


def test_small_requests_a_second_on_one_core(mockllm: Path, tmp_path: Path) -> None:
    """At least 15,000/s; per CPU second 4 times FastHttpUser and 20 times httpx; floor: bare epoll."""
    with serving(mockllm) as server:

        def batch(number: int) -> dict[str, float]:
            made = generate(tmp_path / str(number), server.url, SCENARIO)
            per_cpu_s = len(made.requests) / made.told["process_cpu_s"]
            _, floor = beside(server, "bare", seconds=2)
            _, fasthttp = beside(server, "peers", "fasthttp", seconds=4)
            _, httpx = beside(server, "peers", "httpx", seconds=4)
            return {
                "req/s": len(made.requests) / SECONDS,
                "req/CPU-s": per_cpu_s,
                "bare epoll req/CPU-s": floor,
                "times FastHttpUser": per_cpu_s / fasthttp,
                "times httpx": per_cpu_s / httpx,
            }

        found = medians("small POST, 32 in flight", server, batch)
    assert found["req/s"] >= 15_000
    assert found["times FastHttpUser"] >= 4
    assert found["times httpx"] >= 20

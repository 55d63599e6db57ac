import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.benchmarks.batches import medians
from tests.benchmarks.neutral import SERVER_CORE, Made, generate, p99, pinned, serving
from tests.drive.certificates import certificate

SCENARIO = """
name: tls
duration_s: 5
drain_s: 10
target: {kind: openai}
closed_loop: {users: 64, think_time_s: 0.5}
classes:
  - {name: chat, operation: chat, model: mock, input_tokens: 16, output_tokens: 90}
"""


@contextmanager
def stamping(truth: Path, *certificate: Path) -> Iterator[int]:
    """The server that notes when it writes; yields its port."""
    words = [sys.executable, "-m", "tests.benchmarks.stamping_server", str(truth), *map(str, certificate)]
    with subprocess.Popen(pinned(words, SERVER_CORE), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def lags_p99_ms(made: Made, truth: Path) -> float:
    """From the write of an event to its stamp, over all events."""
    lags = []
    for line in truth.read_text(encoding="ascii").splitlines():
        index, *written = map(int, line.split())
        lags.append(np.array(made.events.loc[index, "event_ns"]) + made.start_ns - np.array(written))
    return p99(np.concatenate(lags)) / 1e6


def test_tls_costs_the_stamps_little(mockllm: Path, tmp_path: Path) -> None:
    """64 streams: p99 of the distance from write to stamp at most 0.2 ms above that of plain text."""
    cert, key = certificate(tmp_path)

    def lag(number: int, name: str, scheme: str, *files: Path) -> float:
        truth = tmp_path / f"{name}-{number}.truth"
        with stamping(truth, *files) as port:
            url = f"{scheme}://127.0.0.1:{port}"
            made = generate(tmp_path / f"{name}-{number}", url, SCENARIO, f"target.ca_file={cert}")
        return lags_p99_ms(made, truth)

    def batch(number: int) -> dict[str, float]:
        plain, tls = lag(number, "plain", "http"), lag(number, "tls", "https", cert, key)
        return {"plain p99 ms": plain, "TLS p99 ms": tls, "more ms": tls - plain}

    with serving(mockllm) as server:
        found = medians("TLS, 64 streams", server, batch)
    assert found["more ms"] <= 0.2

from pathlib import Path

import pytest

from tests.benchmarks.neutral import SAMPLE_S, generate, serving

LIMIT_MB = 400
GROWTH_MB = 40
"""From the first third to the end: what arrays of the books' indices take, and no more."""

SHORT = """
name: short
duration_s: 250
drain_s: 30
arrivals: {process: constant, rate_per_s: 4000}
classes:
  - {name: encode, operation: encode, model: mock, input_tokens: 16}
"""

LONG = """
name: long
duration_s: 1
drain_s: 120
target: {kind: openai}
arrivals: {process: constant, rate_per_s: 1000}
classes:
  - {name: chat, operation: chat, model: mock, input_tokens: 16, output_tokens: 1000}
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("text", "requests"), [(SHORT, 1_000_000), (LONG, 1000)], ids=["short", "streams"])
def test_the_generator_stays_small(text: str, requests: int, mockllm: Path, tmp_path: Path) -> None:
    """1,000,000 short requests, and 1,000 streams of 1,000 events, books included; no growth meanwhile."""
    with serving(mockllm, enc_dim=16) as server:
        made = generate(tmp_path, server.url, text)
    ok = int((made.requests["outcome"] == "ok").sum())
    begin_s, end_s = (int(part * made.told["ended_at_s"]) for part in (0.3, 0.9))
    early_mb, late_mb = (made.grown_mb[int(at_s / SAMPLE_S)] for at_s in (begin_s, end_s))
    print(
        f"\n{ok} of {len(made.requests)} ok: peak {made.peak_mb:.0f} MB; after {begin_s} s {early_mb:.0f}",
        end="",
    )
    print(f", after {end_s} s {late_mb:.0f}; {made.told}")
    assert len(made.requests) == requests
    assert made.peak_mb < LIMIT_MB
    assert late_mb - early_mb < GROWTH_MB

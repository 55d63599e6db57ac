"""How fast the pure model goes through virtual time; figures are processor time on one core."""

import time
from random import Random

import pytest

from bench.sim.model import Chunk, Finished, Fleet, Job, Lane, Verdict, parse_fleet

S = 1_000_000_000
REQUESTS = 100_000
LIMIT_S = 60.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("fleet_text", "rate_per_s"), [("l4/sglang=8", 20), ("l4/sglang=8", 5), ("h100/sglang=8", 100)]
)
def test_a_hundred_thousand_chats_over_eight_workers(fleet_text: str, rate_per_s: float) -> None:
    """512 tokens in and 200 out, Poisson: near what the workers can do, and where batches are small."""
    fleet, rng = Fleet(parse_fleet(fleet_text)), Random(1)
    lane = Lane("default", "sglang", fleet_text.split("/")[0])
    now_ns, ended, tokens = 0, 0, 0
    began_s = time.process_time()
    for number in range(REQUESTS + 1):
        now_ns = now_ns + round(rng.expovariate(rate_per_s) * S) if number < REQUESTS else now_ns + 3600 * S
        for event in fleet.advance(now_ns):
            if isinstance(event, Chunk | Finished):
                tokens += event.tokens
                ended += isinstance(event, Finished)
        if number < REQUESTS:
            assert fleet.submit(now_ns, Job(number, "Qwen/Qwen3-4B", lane, 512, 200)) is Verdict.LIVE
    spent_s = time.process_time() - began_s
    print(
        f"{fleet_text} at {rate_per_s}/s: {spent_s:.1f} s of one core, {spent_s / tokens * 1e9:.0f} ns/token"
    )
    assert (ended, tokens) == (REQUESTS, 200 * REQUESTS)
    assert spent_s < LIMIT_S

"""Lanes that change and nodes that are called back, as a client on the wire sees them."""

import time
from pathlib import Path

import httpx
import pytest

from bench.sim.truth import Entry, read_truth
from tests.sim.process import Running, Start

BODY = {"prompt": "hello", "max_new_tokens": 4}
PATH = "/v1/generate/Qwen__Qwen3-4B"
S = 1_000_000_000


def live(gateway: Running) -> int:
    """Healthy workers by `/health`."""
    return int(gateway.http.get("/health").json()["cluster"]["worker_count"])


def await_workers(gateway: Running, count: int, limit_s: float) -> None:
    """Until there are so many."""
    end_s = time.monotonic() + limit_s
    while live(gateway) != count:
        assert time.monotonic() < end_s, live(gateway)
        time.sleep(0.2)


def await_entry(truth: Path, kind: str, limit_s: float) -> list[Entry]:
    """The truth log as soon as it has an entry of that kind."""
    end_s = time.monotonic() + limit_s
    while kind not in {entry.kind for entry in read_truth(truth)[1]}:
        assert time.monotonic() < end_s, kind
        time.sleep(0.2)
    return read_truth(truth)[1]


@pytest.mark.parametrize(("dialect", "status", "woken"), [("0.4", 202, 1), ("0.10", 503, 2)])
def test_demand_wakes_a_lane(start: Start, dialect: str, status: int, woken: int) -> None:
    """With an autoscaler a cold request brings as many workers as the dialect wakes.

    That it sleeps again is seen in virtual time only: demand is remembered for two minutes.
    """
    options = (
        "--fleet",
        "l4/sglang=0..3",
        "--autoscale",
        "--cold-start-scale",
        "0.003",
        "--dialect",
        dialect,
    )
    gateway = start(*options)
    headers = {"X-SIE-MACHINE-PROFILE": "l4"}
    assert gateway.http.post(PATH, json=BODY, headers=headers).status_code == status
    await_workers(gateway, woken, 25)
    assert gateway.http.post(PATH, json=BODY, headers=headers).status_code == 200


def test_a_spot_node_is_called_back_and_its_streams_are_cut(start: Start, tmp_path: Path) -> None:
    """After the notice the worker drains; what streams longer than that ends without `[DONE]`.

    With this seed the notice comes 2.2 s after the start, when the stream has long begun.
    """
    truth = tmp_path / "truth.msgpack"
    options = (
        "--fleet",
        "l4-spot/sglang=1",
        "--spot-lifetime-s",
        "8",
        "--spot-notice-s",
        "3",
        "--seed",
        "3",
    )
    gateway = start(*options, "--truth", str(truth), "--cold-start-scale", "0.01")
    began_s = time.monotonic()
    body = {"prompt": "hello", "max_new_tokens": 2000, "stream": True}
    with httpx.stream("POST", f"{gateway.said['url']}{PATH}", json=body, timeout=40) as reply:
        assert reply.status_code == 200
        text = reply.read()
    assert b"[DONE]" not in text
    assert text.count(b"data: ") > 5
    assert time.monotonic() - began_s < 20
    entries = await_entry(truth, "worker_gone", 10)
    drained_ns = next(entry.modelled_ns for entry in entries if entry.kind == "worker_draining")
    assert drained_ns + 3 * S in {entry.modelled_ns for entry in entries if entry.kind == "worker_gone"}

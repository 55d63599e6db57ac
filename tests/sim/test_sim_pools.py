"""The life of pools: made, joined, renewed, expired; clocks run fifty times as fast as the contract's."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.sim.process import Running, Start

FAST = ("--pool-clock-scale", "0.02", "--fleet", "l4=1,lab:l4=2,lab:a100-40gb=1")
LAB = {"name": "lab", "gpus": {"l4": 1}}
ENCODE = "/v1/encode/BAAI/bge-m3"
ITEMS = {"items": [{"text": "x"}]}


@pytest.fixture(scope="module")
def fast(start: Start) -> Running:
    """A gateway of 0.4 that assigns ten times a second and sweeps every 1.2 s."""
    return start(*FAST)


def status(running: Running, name: str) -> dict[str, Any]:
    """The status of a pool; empty when it is gone."""
    reply = running.http.get(f"/v1/pools/{name}")
    told: dict[str, Any] = reply.json()["status"] if reply.status_code == 200 else {}
    return told


def wait_for(condition: Callable[[], bool]) -> None:
    """Come back when it holds."""
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_workers_join_at_the_next_assignment(start: Start) -> None:
    """At the contract's pace a pool is pending first, though it serves, and has its workers within 5 s."""
    running = start("--fleet", "lab:l4=1")
    made = running.http.post("/v1/pools", json=LAB)
    assert made.status_code == 201
    assert (made.json()["status"]["state"], made.json()["status"]["assigned_workers"]) == ("pending", [])
    assert running.http.post(ENCODE, json=ITEMS, headers={"X-SIE-Pool": "lab"}).status_code == 200
    wait_for(lambda: status(running, "lab")["state"] == "active")
    assert len(status(running, "lab")["assigned_workers"]) == 2


def test_a_worker_that_becomes_ready_joins_at_once(start: Start) -> None:
    """Without waiting for the clock, which here stands almost still."""
    running = start("--pool-clock-scale", "1000", "--fleet", "lab:l4=0..1", "--cold-start-scale", "0")
    running.http.post("/v1/pools", json=LAB)
    headers = {"X-SIE-Pool": "lab", "X-SIE-MACHINE-PROFILE": "l4"}
    running.http.post(ENCODE, json=ITEMS, headers=headers)
    wait_for(lambda: running.http.post(ENCODE, json=ITEMS, headers=headers).status_code == 200)
    assert status(running, "lab")["state"] == "active"


def test_what_a_pool_looks_like(fast: Running) -> None:
    """No name at the top, caps left out when there are none, seconds since 1970."""
    made = fast.http.post("/v1/pools", json=LAB | {"name": "look"}).json()
    assert made.keys() == {"spec", "status"}
    assert made["spec"] == {
        "name": "look",
        "bundle": None,
        "gpus": {"l4": 1},
        "ttl_seconds": None,
        "minimum_worker_count": 0,
    }
    assert abs(made["status"]["created_at"] - time.time()) < 60
    assert "look" in [pool["spec"]["name"] for pool in fast.http.get("/v1/pools").json()["pools"]]
    assert fast.http.delete("/v1/pools/look").json() == {"message": "Pool deleted"}
    assert fast.http.get("/v1/pools/look").json()["detail"]["code"] == "POOL_NOT_FOUND"


@pytest.mark.parametrize(
    ("spec", "state", "gpus"),
    [
        ({"gpus": {"l4": 1}}, "active", ["l4"] * 4),
        ({"gpus": {"L4": 1}, "bundle": "sglang"}, "active", ["l4"] * 2),
        ({"gpus": {"l4": 5}}, "pending", ["l4"] * 4),
        ({"gpus": {"l4": 1}, "minimum_worker_count": 5}, "pending", ["l4"] * 4),
        ({"gpu_caps": {"l4": 3}}, "active", ["l4"] * 3),
        ({"gpus": {"a100-40gb": 1}, "gpu_caps": {"l4": 0}}, "active", ["a100-40gb"] * 2),
    ],
)
def test_who_joins(fast: Running, spec: dict[str, Any], state: str, gpus: list[str]) -> None:
    """Every worker of the named profiles and bundle, as far as caps allow; enough of them make it active."""
    fast.http.post("/v1/pools", json={"name": "lab", **spec})
    wait_for(lambda: len(status(fast, "lab")["assigned_workers"]) == len(gpus))
    told = status(fast, "lab")
    assert (told["state"], sorted(worker["gpu"] for worker in told["assigned_workers"])) == (state, gpus)
    assert told["assigned_workers"][0].keys() == {"name", "url", "gpu"}
    assert fast.http.delete("/v1/pools/lab").status_code == 200


def test_the_same_specification_renews_and_another_starts_anew(fast: Running) -> None:
    """Both are 201; the instant of creation stays, and the workers of the old one leave."""
    first = fast.http.post("/v1/pools", json=LAB).json()["status"]
    wait_for(lambda: status(fast, "lab")["state"] == "active")
    renewed = fast.http.post("/v1/pools", json=LAB)
    assert (renewed.status_code, renewed.json()["status"]["state"]) == (201, "active")
    assert renewed.json()["status"]["last_renewed"] > first["last_renewed"]
    changed = fast.http.post("/v1/pools", json=LAB | {"gpus": {"l4": 2}})
    assert (changed.status_code, changed.json()["status"]["state"]) == (201, "pending")
    assert changed.json()["status"]["created_at"] == first["created_at"]
    assert fast.http.delete("/v1/pools/lab").status_code == 200


def test_a_lease_runs_out_and_the_sweep_takes_the_pool(fast: Running) -> None:
    """Between the two it is expired and a renewal still saves it; afterwards there is nothing to renew."""
    fast.http.post("/v1/pools", json=LAB | {"ttl_seconds": 5})
    wait_for(lambda: status(fast, "lab").get("state") in ("expired", None))
    fast.http.post("/v1/pools", json=LAB | {"ttl_seconds": 5, "name": "short"})
    fast.http.post("/v1/pools", json=LAB | {"name": "long"})
    wait_for(lambda: not status(fast, "short"))
    assert status(fast, "long")["state"] in ("pending", "active")
    assert fast.http.post("/v1/pools/long/renew").json() == {"message": "Pool renewed"}
    for gone in (fast.http.post("/v1/pools/short/renew"), fast.http.delete("/v1/pools/short")):
        assert (gone.status_code, gone.json()["detail"]["code"]) == (404, "POOL_NOT_FOUND")
    assert fast.http.delete("/v1/pools/long").status_code == 200


def test_an_expired_pool_waits_for_the_sweep(start: Start) -> None:
    """A lease of 0 s is over at once, and the sweep comes once a minute: until then it can be renewed."""
    running = start("--fleet", "l4=1")
    running.http.post("/v1/pools", json=LAB | {"ttl_seconds": 0})
    assert status(running, "lab")["state"] == "expired"
    assert running.http.post("/v1/pools/lab/renew").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "native"),
    [
        (b"{", 400, False),
        (b"[]", 422, False),
        (b'{"gpus": {"l4": 1}}', 422, False),
        (b'{"name": "p", "gpus": {"l4": "one"}}', 422, False),
        (b'{"name": "p", "gpus": {"l4": 1}, "ttl_seconds": -1}', 422, False),
        (b'{"name": "p"}', 400, True),
        (b'{"name": "", "gpus": {"l4": 1}}', 400, True),
        (b'{"name": "p", "gpus": {"b200": 1}}', 400, True),
        (b'{"name": "default", "gpus": {"l4": 1}}', 400, True),
    ],
)
def test_pools_that_cannot_be_made(fast: Running, body: bytes, status: int, native: bool) -> None:
    """What cannot be read is refused in plain text, what cannot be done in the native envelope."""
    reply = fast.http.post("/v1/pools", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("application/json" if native else "text/plain")
    if native:
        assert reply.json()["detail"]["code"] == "INVALID_REQUEST"


def test_pools_speak_json_alone(fast: Running) -> None:
    """Any other type of content is 415."""
    headers = {"content-type": "application/msgpack"}
    assert fast.http.post("/v1/pools", content=b"\x80", headers=headers).status_code == 415


def test_the_default_pool(fast: Running) -> None:
    """It has everyone that no other pool has, and stays."""
    wait_for(lambda: status(fast, "default")["state"] == "active")
    assert [worker["gpu"] for worker in status(fast, "default")["assigned_workers"]] == ["l4", "l4"]
    refused = fast.http.delete("/v1/pools/default")
    assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "DEFAULT_POOL_DELETE_FORBIDDEN")


def test_caps_hold_requests_until_someone_has_joined(start: Start) -> None:
    """On native routes; a cap of zero is permanent, and says for which profiles when none was named."""
    running = start("--pool-clock-scale", "1000", "--fleet", "lab:l4=1")
    headers = {"X-SIE-Pool": "lab"}
    running.http.post("/v1/pools", json={"name": "lab", "gpu_caps": {"l4": 1}})
    assert running.http.post(ENCODE, json=ITEMS, headers=headers).status_code == 202
    running.http.post("/v1/pools", json={"name": "lab", "gpu_caps": {"l4": 0}})
    for more, why in (({}, {"profiles": ["l4"]}), ({"X-SIE-MACHINE-PROFILE": "l4"}, {"cap": 0})):
        reply = running.http.post(ENCODE, json=ITEMS, headers=headers | more)
        assert (reply.status_code, reply.json()["detail"]["code"]) == (503, "POOL_CAPACITY_UNAVAILABLE")
        assert reply.json()["detail"].items() >= {"pool": "lab", **why}.items()


def test_later_pools_tell_the_bundles_of_their_workers(start: Start) -> None:
    """Which in 0.10 are those of the default pool."""
    running = start("--dialect", "0.10", "--fleet", "l4=1", "--pool-clock-scale", "0.02")
    running.http.post("/v1/pools", json=LAB)
    wait_for(lambda: status(running, "lab")["state"] == "active")
    assert {worker["bundle"] for worker in status(running, "lab")["assigned_workers"]} == {
        "sglang",
        "default",
    }

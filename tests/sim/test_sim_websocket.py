"""The WebSocket that tells once a second how the cluster is."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.sim.process import Running, Start

PATH = "/ws/cluster-status"


def frames(running: Running, count: int, token: str = "") -> list[dict[str, Any]]:
    """The first frames of a connection."""

    async def collect() -> list[dict[str, Any]]:
        headers = {"Authorization": token} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{running.said['url']}{PATH}", headers=headers) as socket,
        ):
            return [await socket.receive_json(timeout=10) for _ in range(count)]

    return asyncio.run(collect())


def test_each_frame_holds_a_part_of_health(either: Running) -> None:
    """Without status, type and GPU types, but with the instant."""
    (frame,) = frames(either, 1)
    health = either.http.get("/health").json()
    assert frame.keys() == {"timestamp", "cluster", "workers", "models"}
    assert [worker["name"] for worker in frame["workers"]] == [w["name"] for w in health["workers"]]
    assert frame["cluster"]["worker_count"] == health["cluster"]["worker_count"]
    assert abs(frame["timestamp"] - time.time()) < 60


def test_frames_come_a_second_apart(gateway: Running) -> None:
    """Three frames take two seconds, to two readers at once."""
    first, _, last = frames(gateway, 3)
    assert last["timestamp"] - first["timestamp"] >= 1.9


def test_the_connection_needs_a_token(start: Start) -> None:
    """Unless operational routes are exempt."""
    options = ("--fleet", "l4=1", "--auth", "static", "--token-env", "BENCH_A")
    running = start(*options, BENCH_A="alpha")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        frames(running, 1)
    assert refused.value.status == 401
    assert frames(running, 1, "Bearer alpha")
    assert frames(start(*options, "--auth-exempt-operational", BENCH_A="alpha"), 1)


def test_it_ends_with_a_connection_open(start: Start) -> None:
    """SIGTERM does not wait for those who watch."""
    running = start("--fleet", "l4=1")

    async def watch() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{running.said['url']}{PATH}") as socket,
        ):
            await socket.receive_json(timeout=10)
            running.process.terminate()
            return await asyncio.to_thread(running.process.wait, 10)

    assert asyncio.run(watch()) == 0


def test_without_an_upgrade_it_is_a_bad_request(gateway: Running) -> None:
    """It is no page."""
    assert gateway.http.get(PATH).status_code == 400

"""Health, readiness, models and pools: the routes that tell instead of serve."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiohttp import web

from bench.sim.gateway import Gateway
from bench.sim.lookup import find_card
from bench.sim.model import GENERATION_BUNDLE, Card, Catalog, Fleet, LiveWorker
from bench.sim.pool_spec import read_pool_body
from bench.sim.pools import Pool, worker_url
from bench.sim.reply import NativeEnvelope, Reply, json_reply, openai

_FRAME_S = 1.0


class StatusRoutes:
    """Handlers of the control plane."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._served = 0
        self._read_at_s = time.monotonic()

    def count(self, status: int) -> None:
        """Remember a reply; successful ones make up `total_qps`."""
        self._served += status == 200

    async def ok(self, _request: web.Request) -> Reply:
        """GET /healthz and /readyz: always 200, also without a single worker."""
        return Reply(200, b"ok", "text/plain")

    async def health(self, _request: web.Request) -> Reply:
        """GET /health."""
        settings, fleet = self._gateway.settings, self._gateway.driver.fleet
        live = fleet.live
        later = {"pending_generation": sum(w.pending for w in live if _generates(w))}
        value = {
            "status": "healthy" if live else "degraded",
            "type": "gateway",
            "version": settings.dialect.contract.gateway_version,
            "configured_gpu_types": list(settings.profiles),
            "live_gpu_types": sorted({w.lane.profile for w in live}),
            **self._cluster(),
            "simulated": {
                "cold_start_scale": settings.cold_start_scale,
                "seed": settings.seed,
                "fleet": settings.fleet,
                "late": self._gateway.lateness.as_map(),
            },
            **_only(later, settings.dialect.health_keys),
        }
        return json_reply(200, value)

    async def watch(self, request: web.Request) -> web.WebSocketResponse:
        """GET /ws/cluster-status: a text frame each second until the client leaves."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        frames = asyncio.create_task(self._send_frames(socket))
        try:
            async for _ in socket:
                pass
        finally:
            frames.cancel()
        return socket

    async def _send_frames(self, socket: web.WebSocketResponse) -> None:
        with suppress(ConnectionError):
            while True:
                await self._gateway.gate.passed()
                await socket.send_json({"timestamp": time.time(), **self._cluster()})
                await asyncio.sleep(_FRAME_S)

    def _cluster(self) -> dict[str, Any]:
        """What health and the WebSocket both tell."""
        settings, fleet = self._gateway.settings, self._gateway.driver.fleet
        live = fleet.live
        return {
            "cluster": {
                "worker_count": len(live),
                "gpu_count": len(live),
                "models_loaded": len({name for w in live for name in w.loaded}),
                "total_qps": self._rate_per_s(),
            },
            "workers": [_worker(w, settings.catalog, settings.dialect.health_keys) for w in fleet.known],
            "models": [_model_health(card, fleet) for card in settings.catalog.cards.values()],
        }

    async def models(self, _request: web.Request) -> Reply:
        """GET /v1/models."""
        fleet, cards = self._gateway.driver.fleet, self._gateway.settings.catalog.cards.values()
        data = [_openai_model(card) for card in cards]
        models = [_model(card, fleet) for card in cards]
        return json_reply(200, {"object": "list", "data": data, "models": models})

    async def model(self, request: web.Request) -> Reply:
        """GET /v1/models/{model}."""
        card = find_card(self._gateway.settings.catalog, request.match_info["model"], NativeEnvelope())
        fleet = self._gateway.driver.fleet
        return json_reply(200, _model(card, fleet) | _openai_model(card))

    async def moderations(self, _request: web.Request) -> Reply:
        """POST /v1/moderations: there is such a route, but nothing behind it."""
        raise openai(501, "server_error", "not_implemented", "Moderations are not implemented")

    async def list_pools(self, _request: web.Request) -> Reply:
        """GET /v1/pools."""
        return json_reply(200, {"pools": self._gateway.pools.views(time.time())})

    async def put_pool(self, request: web.Request) -> Reply:
        """POST /v1/pools."""
        body = read_pool_body(await request.read(), request.headers.get("Content-Type", ""))
        return self._told(201, self._gateway.pools.put(body, time.time()))

    async def get_pool(self, request: web.Request) -> Reply:
        """GET /v1/pools/{name}."""
        return self._told(200, self._gateway.pools.get(request.match_info["name"]))

    async def renew_pool(self, request: web.Request) -> Reply:
        """POST /v1/pools/{name}/renew."""
        self._gateway.pools.renew(request.match_info["name"], time.time())
        return json_reply(200, {"message": "Pool renewed"})

    async def delete_pool(self, request: web.Request) -> Reply:
        """DELETE /v1/pools/{name}."""
        self._gateway.pools.delete(request.match_info["name"])
        return json_reply(200, {"message": "Pool deleted"})

    def _told(self, status: int, pool: Pool) -> Reply:
        return json_reply(status, self._gateway.pools.view(pool, time.time()))

    def _rate_per_s(self) -> float:
        """Successes per second since the last reader asked; two readers disturb one another, as upstream."""
        now_s = time.monotonic()
        rate = self._served / max(now_s - self._read_at_s, 1e-3)
        self._served, self._read_at_s = 0, now_s
        return round(rate, 3)


def _generates(worker: LiveWorker) -> bool:
    return worker.lane.bundle == GENERATION_BUNDLE


def _only(values: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in keys}


def _worker(worker: LiveWorker, catalog: Catalog, later_keys: frozenset[str]) -> dict[str, Any]:
    cards = [card for card in catalog.cards.values() if card.name in worker.loaded]
    depth = worker.pending
    later = {"ready_gpu_slots": 1, "pending_cost": depth, "inflight_batches": int(depth > 0)}
    return {
        "name": worker.name,
        "url": worker_url(worker.name),
        "gpu": worker.lane.profile,
        "gpu_count": 1,
        "loaded_models": [card.name for card in cards],
        "queue_depth": depth,
        "memory_used_bytes": int(sum(card.weight_bytes for card in cards)),
        "memory_total_bytes": int(catalog.chips[worker.lane.profile].memory_bytes),
        "healthy": worker.healthy,
        "bundle": worker.lane.bundle,
        "bundle_config_hash": f"sim-{worker.lane.bundle}",
        **_only(later, later_keys),
    }


def _serving(card: Card, live: Iterable[LiveWorker]) -> list[LiveWorker]:
    return [w for w in live if w.lane.bundle == card.bundle]


def _model_health(card: Card, fleet: Fleet) -> dict[str, Any]:
    serving = _serving(card, fleet.live)
    return {
        "name": card.name,
        "state": fleet.state(card.name),
        "worker_count": len(serving),
        "gpu_types": sorted({w.lane.profile for w in serving}),
        "total_queue_depth": sum(w.pending for w in serving),
    }


def _model(card: Card, fleet: Fleet) -> dict[str, Any]:
    state = fleet.state(card.name)
    return {
        "name": card.name,
        "inputs": ["text"],
        "outputs": list(card.outputs),
        "dims": {kind: card.dense_units for kind in card.outputs if kind in ("dense", "multivector")},
        "loaded": state == "loaded",
        "state": state,
        "last_error": None,
        "max_sequence_length": card.context_tokens,
        "profiles": {"default": {"is_default": True}},
        "capabilities": {
            "lora_adapters": list(card.lora_adapters),
            "profile_lora_adapters": {"default": list(card.lora_adapters)} if card.lora_adapters else {},
            "grammar": list(card.grammar),
            "tools": card.tools,
        },
    }


def _openai_model(card: Card) -> dict[str, Any]:
    return {"id": card.name, "object": "model", "created": 1_700_000_000, "owned_by": "sie"}

"""The HTTP server: routes, start, and an end that leaves nothing unwritten."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from bench.sim.auth import Auth
from bench.sim.completions import completions, responses
from bench.sim.driver import Driver
from bench.sim.embedding import embed
from bench.sim.encoding import encode
from bench.sim.extraction import extract
from bench.sim.fault_clock import FaultClock
from bench.sim.faults import Fault
from bench.sim.gate import Gate
from bench.sim.gateway import Exchange, Gateway, Settings, as_response, open_exchange
from bench.sim.generation import chat, generate
from bench.sim.model import (
    Fleet,
    LaneSpec,
    Rules,
    WorkerDraining,
    WorkerEvent,
    WorkerGone,
    WorkerLost,
    WorkerReady,
    WorkerStarting,
)
from bench.sim.pool_clock import keep_pools
from bench.sim.pools import PoolBook
from bench.sim.reply import RefusalError, Reply
from bench.sim.scoring import rerank, score
from bench.sim.status import StatusRoutes
from bench.sim.truth import TruthLog, monotonic_ns, parse_traceparent

_FLUSH_S = 0.05
_SHUTDOWN_S = 0.2
_STDIN = 0
_WORKER_KINDS = {
    WorkerStarting: "worker_starting",
    WorkerReady: "worker_ready",
    WorkerLost: "worker_lost",
    WorkerDraining: "worker_draining",
    WorkerGone: "worker_gone",
}

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Options:
    """Everything the command line decides, already checked."""

    host: str
    port: int
    settings: Settings
    lanes: tuple[LaneSpec, ...]
    rules: Rules
    faults: tuple[Fault, ...] = ()
    truth_path: Path | None = None
    until_stdin_closes: bool = False
    auth: Auth | None = None
    pool_clock_scale: float = 1.0
    """How many times as long as in the contract everything about pools lasts."""


async def serve(options: Options, announce: Callable[[int], None]) -> None:
    """Serve until a signal or the end of stdin; `announce` gets the port once it listens."""
    gateway = _build(options)
    runner = web.AppRunner(
        _application(gateway),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    tasks = [
        asyncio.create_task(_flush_often(gateway.truth)),
        asyncio.create_task(keep_pools(gateway, options.pool_clock_scale)),
    ]
    try:
        stopped = _stop_event(until_stdin_closes=options.until_stdin_closes)
        site = web.TCPSite(runner, options.host, options.port, backlog=1024)
        await site.start()
        announce(runner.addresses[0][1])
        await stopped.wait()
    finally:
        for task in tasks:
            task.cancel()
        gateway.driver.close()
        await runner.cleanup()
        gateway.truth.close()


def _build(options: Options) -> Gateway:
    settings = options.settings
    header = {
        "dialect": settings.dialect.name,
        "fleet": settings.fleet,
        "cold_start_scale": settings.cold_start_scale,
        "seed": settings.seed,
    }
    truth = TruthLog(options.truth_path, header)
    fleet = Fleet(
        options.lanes,
        options.rules,
        seed=settings.seed,
        cold_start_scale=settings.cold_start_scale,
        start_ns=monotonic_ns(),
        catalog=settings.catalog,
    )

    pools = PoolBook(
        settings.dialect.pools,
        settings.profiles,
        frozenset(spec.lane.pool for spec in options.lanes),
        time.time(),
        options.pool_clock_scale,
    )

    def note_worker(event: WorkerEvent) -> None:
        kind = _WORKER_KINDS[type(event)]
        lane = (event.lane.pool, event.lane.bundle, event.lane.profile, event.worker)
        truth.note(None, 0, kind, event.at_ns, lane=lane)
        if isinstance(event, WorkerReady):
            pools.assign(fleet.live)

    gate, driver = Gate(), Driver(fleet, note_worker)
    return Gateway(
        settings=settings,
        driver=driver,
        gate=gate,
        truth=truth,
        faults=FaultClock(options.faults, gate, driver, truth.flush, settings.seed),
        pools=pools,
        auth=options.auth,
    )


def _application(gateway: Gateway) -> web.Application:
    status = StatusRoutes(gateway)

    def inference(handler: Callable[[Exchange], Awaitable[web.StreamResponse]]) -> Handler:
        async def serve_inference(request: web.Request) -> web.StreamResponse:
            exchange = await open_exchange(gateway, request)
            try:
                response = await _answer(handler, exchange)
            except asyncio.CancelledError:
                exchange.note_gone()
                raise
            except ConnectionResetError:
                exchange.note_gone()
                return web.Response()
            status.count(response.status)
            return response

        return serve_inference

    def control(handler: Callable[[web.Request], Awaitable[Reply]]) -> Handler:
        async def serve_control(request: web.Request) -> web.StreamResponse:
            try:
                reply = await handler(request)
            except RefusalError as refusal:
                reply = refusal.reply
            await gateway.gate.passed()
            return as_response(reply)

        return serve_control

    app = web.Application(
        client_max_size=gateway.settings.dialect.largest_body_bytes, middlewares=[_guard(gateway)]
    )
    app.add_routes(
        [
            web.post("/v1/chat/completions", inference(chat)),
            web.post("/v1/completions", inference(completions)),
            web.post("/v1/responses", inference(responses)),
            web.post("/v1/generate/{model:.+}", inference(generate)),
            web.post("/v1/encode/{model:.+}", inference(encode)),
            web.post("/v1/score/{model:.+}", inference(score)),
            web.post("/v1/extract/{model:.+}", inference(extract)),
            web.post("/v1/embeddings", inference(embed)),
            web.post("/v1/moderations", control(status.moderations)),
            web.get("/healthz", control(status.ok)),
            web.get("/readyz", control(status.ok)),
            web.get("/health", control(status.health)),
            web.get("/ws/cluster-status", status.watch),
            web.get("/v1/models", control(status.models)),
            web.get("/v1/models/{model:.+}", control(status.model)),
            web.get("/v1/pools", control(status.list_pools)),
            web.post("/v1/pools", control(status.put_pool)),
            web.get("/v1/pools/{name}", control(status.get_pool)),
            web.delete("/v1/pools/{name}", control(status.delete_pool)),
            web.post("/v1/pools/{name}/renew", control(status.renew_pool)),
        ]
    )
    if gateway.settings.dialect.reranks:
        app.add_routes([web.post(f"/{version}/rerank", inference(rerank)) for version in ("v1", "v2")])
    return app


def _guard(gateway: Gateway) -> Middleware:
    """Asks for a token before anything else of a request is looked at."""

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        refusal = gateway.auth and gateway.auth.refusal(request.method, request.path, request.headers)
        if not refusal:
            return await handler(request)
        await gateway.gate.passed()
        span = parse_traceparent(request.headers.get("traceparent"))
        gateway.truth.note(span, 0, "refused", monotonic_ns())
        return as_response(refusal.reply)

    return check


async def _answer(
    handler: Callable[[Exchange], Awaitable[web.StreamResponse]], exchange: Exchange
) -> web.StreamResponse:
    try:
        return await handler(exchange)
    except RefusalError as refusal:
        return await exchange.send(refusal.reply, "refused", monotonic_ns())


async def _flush_often(truth: TruthLog) -> None:
    while True:
        await asyncio.sleep(_FLUSH_S)
        truth.flush()


def _stop_event(*, until_stdin_closes: bool) -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if until_stdin_closes:

        def watch() -> None:
            while os.read(_STDIN, 65536):
                pass
            loop.call_soon_threadsafe(stopped.set)

        threading.Thread(target=watch, name="stdin", daemon=True).start()
    return stopped

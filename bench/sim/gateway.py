"""What every handler shares: the parts of the gateway, one exchange, and the only ways bytes leave."""

import asyncio
import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bench.sim.auth import Auth
from bench.sim.codec import read_map
from bench.sim.course import Course
from bench.sim.damage import damaged
from bench.sim.dialect import Dialect
from bench.sim.driver import Driver
from bench.sim.fault_clock import FaultClock
from bench.sim.gate import Gate
from bench.sim.lateness import Lateness
from bench.sim.model import SHIPPED, Catalog, Limits
from bench.sim.pools import PoolBook
from bench.sim.reply import Envelope, Reply
from bench.sim.truth import Span, TruthLog, monotonic_ns, parse_traceparent

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 s: closing sends a reset."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the gateway says of itself, in its first line, its truth log and `/health`."""

    dialect: Dialect
    fleet: str
    cold_start_scale: float
    seed: int
    profiles: tuple[str, ...]
    limits: Limits
    catalog: Catalog = SHIPPED
    affinity: bool = False
    """Whether keys and beginnings of prompts choose workers, and equal beginnings are computed once."""
    retry_after_scale: float = 1.0
    keep_alive_s: float = 15.0
    """Silence of a stream after which a comment is sent."""

    def retry_after_s(self, contract_s: int) -> int:
        """The seconds for `Retry-After` where the contract has so many: scaled, but never none."""
        return max(1, math.ceil(contract_s * self.retry_after_scale))

    def advice_s(self, signal: str) -> int | None:
        """The seconds that a signal asks to wait, None if it does not."""
        contract_s = self.dialect.retry_after_s.get(signal)
        return None if contract_s is None else self.retry_after_s(contract_s)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts, wired once at start."""

    settings: Settings
    driver: Driver
    gate: Gate
    truth: TruthLog
    faults: FaultClock
    pools: PoolBook
    auth: Auth | None = None
    """None where nobody is asked for a token."""
    lateness: Lateness = field(default_factory=Lateness)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, fully read."""

    gateway: Gateway
    request: web.Request
    body: bytes | None
    """None when it was larger than any route allows."""
    arrived_ns: int
    request_id: str
    span: Span | None
    course: Course = field(default_factory=Course)

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers; case does not matter."""
        return self.request.headers

    def read_map(self, envelope: Envelope, limit_bytes: int, *, json_only: bool = False) -> dict[str, Any]:
        """The body's map, or a refusal in the route's envelope."""
        if self.body is None or len(self.body) > limit_bytes:
            raise envelope.too_large(limit_bytes)
        content_type = "" if json_only else self.headers.get("Content-Type", "")
        body = read_map(self.body, content_type, envelope)
        self.course.body = body
        return body

    async def send(self, reply: Reply, kind: str, modelled_ns: int) -> web.Response:
        """Send a whole reply in one write, once the gate is open; the fault plan may spoil it."""
        await self.endure()
        response = as_response(damaged(reply, self.course.faults))
        if "close" in self.course.faults:
            response.force_close()
        await self.gateway.gate.passed()
        before_ns = monotonic_ns()
        await response.prepare(self.request)
        await response.write_eof()
        self.note(kind, 0, modelled_ns, before_ns)
        self.note_lateness(modelled_ns)
        return response

    async def endure(self, *, silently: bool = False) -> None:
        """Wait, for ever or never to answer at all, as planned; `silently` leaves out a delay."""
        faults = self.course.faults
        if "delay" in faults and not silently:
            await asyncio.sleep(faults["delay"].delay_s)
        if "hang" in faults:
            await asyncio.Event().wait()
        if "drop" in faults:
            self.drop(faults["drop"].how)
            raise ConnectionResetError

    def drop(self, how: str) -> None:
        """End the client's connection in the middle of a reply, by a reset or a close."""
        transport = self.request.transport
        if transport is None:
            return
        self.course.dropped = True
        if how == "reset":
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.note("dropped", 0, monotonic_ns())
        transport.abort()

    def note(self, kind: str, sequence: int, modelled_ns: int, before_ns: int | None = None) -> None:
        """Write into the truth log; with `before_ns` a write ends now."""
        after_ns = None if before_ns is None else monotonic_ns()
        self.gateway.truth.note(self.span, sequence, kind, modelled_ns, before_ns, after_ns)

    def note_lateness(self, modelled_ns: int) -> None:
        """A write ended that was due then; what a fault plan holds up is late on purpose."""
        if not self.course.faults:
            due_ns = max(modelled_ns, self.gateway.gate.opened_ns)
            self.gateway.lateness.note(monotonic_ns() - due_ns)

    def note_gone(self) -> None:
        """The client left, unless it was we who ended the connection."""
        if not self.course.dropped:
            self.note("gone", 0, monotonic_ns())

    def served_headers(self) -> dict[str, str]:
        """The headers of a whole reply that came through the queue."""
        waited_ms = (monotonic_ns() - self.arrived_ns) / 1e6
        return {
            **version_headers(self.gateway.settings.dialect),
            "x-sie-request-id": self.request_id,
            "x-sie-worker": f"queue:{self.request_id}",
            "x-queue-publish-time": "0.1",
            "x-queue-wait-time": f"{waited_ms:.1f}",
        }


def as_response(reply: Reply) -> web.Response:
    """The reply as the server sends it."""
    headers = {"Content-Type": reply.content_type, **reply.headers}
    return web.Response(status=reply.status, body=reply.body, headers=headers)


async def open_exchange(gateway: Gateway, request: web.Request) -> Exchange:
    """Read a request to its end, stamp it, and start the fault clock if it is a measured one."""
    looked_ns, is_whole = monotonic_ns(), request.content.is_eof()
    try:
        body: bytes | None = await request.read()
    except web.HTTPRequestEntityTooLarge:
        body = None
    traceparent = request.headers.get("traceparent", "")
    span = parse_traceparent(traceparent)
    arrived_ns = looked_ns if is_whole else monotonic_ns()
    gateway.truth.note(span, 0, "arrived", arrived_ns)
    if span:
        gateway.lateness.begin(traceparent)
        gateway.faults.start()
    return Exchange(gateway, request, body, arrived_ns, new_request_id(), span)


def version_headers(dialect: Dialect) -> dict[str, str]:
    """The two headers that carry the gateway's version."""
    return {
        "x-sie-version": dialect.contract.gateway_version,
        "x-sie-server-version": dialect.contract.gateway_version,
    }


def new_request_id() -> str:
    """A UUID of version 7: milliseconds since 1970, then random bits."""
    random = int.from_bytes(os.urandom(10), "big")
    number = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | (random >> 4 & 0xFFF) << 64
    number |= 0b10 << 62 | (random >> 16 & (1 << 62) - 1)
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

"""A reply as server-sent events: each event is one write, at its modelled instant or when the gate opens."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from bench.sim.gateway import Exchange
from bench.sim.model import Finished, ItemsDone, Job, JobEvent, Verdict
from bench.sim.truth import monotonic_ns

_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error inside a stream."""

    code: str
    kind: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    """What the dialect says beyond that."""


@dataclass(frozen=True, slots=True)
class Break:
    """A planned end of a stream after so many events: with an error, or without a word, even `[DONE]`."""

    after_events: int
    failure: Failure | None


class Script(Protocol):
    """How one route words its events; each of the results is a whole event, ready to send."""

    def chunk(self, tokens: int) -> list[bytes]:
        """The events that carry the next so many tokens."""

    def ending(self, tokens: int, ttft_ns: int) -> list[bytes]:
        """The events from the last tokens on, `[DONE]` left out."""

    def failure(self, failure: Failure) -> bytes:
        """An error inside the stream."""


class EventStream:
    """One stream; it is the sink of its job's events and writes straight to the socket.

    Events go around aiohttp's writer, which costs a task switch an event, but the response object still
    sends the headers and the end, so that the connection stays usable.
    """

    def __init__(self, exchange: Exchange, script: Script, job: Job, planned: Break | None = None) -> None:
        self._planned = planned
        self._exchange = exchange
        self._gate = exchange.gateway.gate
        self._truth = exchange.gateway.truth
        self._script = script
        self._job = job
        self._sequence = 0
        self._written = 0
        self._due: list[tuple[int, bytes]] = []
        self._complete = False
        self._open = False
        self._waits = False
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, event: JobEvent) -> None:
        """Word an event and send it if bytes may leave."""
        if isinstance(event, ItemsDone) or self._complete:
            return
        if self._planned and self._sequence == self._planned.after_events:
            self._break(event.at_ns, self._planned.failure)
            return
        if isinstance(event, Finished):
            events = self._script.ending(event.tokens, event.ttft_ns)
            self._due += [(event.at_ns, data) for data in (*events, _DONE)]
            self._complete = True
        else:
            self._due += [(event.at_ns, data) for data in self._script.chunk(event.tokens)]
        self._sequence += 1
        self._send_when_open()

    def _break(self, at_ns: int, failure: Failure | None) -> None:
        if failure:
            self._due += [(at_ns, self._script.failure(failure)), (at_ns, _DONE)]
        self._complete = True
        self._send_when_open()

    async def run(self) -> web.StreamResponse:
        """Submit the job and send its events until the last."""
        driver = self._exchange.gateway.driver
        if driver.submit(self._job, self.take) is not Verdict.LIVE:
            raise LookupError(self._job.lane.pool)
        try:
            return await self._respond()
        finally:
            driver.cancel(self._job.id)

    async def fail(self, failure: Failure) -> web.StreamResponse:
        """Send a stream that holds nothing but an error."""
        self._break(monotonic_ns(), failure)
        return await self._respond()

    async def _respond(self) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache",
                "Connection": "keep-alive",
                "x-accel-buffering": "no",
                "x-sie-request-id": self._exchange.request_id,
            }
        )
        response.enable_chunked_encoding()
        await self._gate.passed()
        before_ns = monotonic_ns()
        await response.prepare(self._exchange.request)
        self._note("headers", 0, self._exchange.arrived_ns, before_ns)
        self._open = True
        self._send_when_open()
        await self._ended
        before_ns = monotonic_ns()
        await response.write_eof()
        self._note("end", 0, before_ns, before_ns)
        return response

    def _send_when_open(self) -> None:
        if self._open and not self._waits:
            self._waits = True
            self._gate.when_open(self._send_due)

    def _send_due(self) -> None:
        self._waits = False
        transport = self._exchange.request.transport
        for modelled_ns, data in self._due:
            if transport is None or transport.is_closing():
                break
            before_ns = monotonic_ns()
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))
            self._note("event", self._written, modelled_ns, before_ns)
            self._written += 1
        self._due.clear()
        if self._complete and not self._ended.done():
            self._ended.set_result(None)

    def _note(self, kind: str, sequence: int, modelled_ns: int, before_ns: int) -> None:
        self._truth.note(self._exchange.span, sequence, kind, modelled_ns, before_ns, monotonic_ns())

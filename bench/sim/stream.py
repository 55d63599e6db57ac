"""A reply as server-sent events: each event is one write, at its modelled instant or when the gate opens."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from bench.sim.damage import GARBAGE_EVENT, damaged_ending
from bench.sim.gateway import Exchange
from bench.sim.keep_alive import COMMENT, KeepAlive
from bench.sim.limits import Watch
from bench.sim.model import (
    FIRST_CHUNK,
    INTER_CHUNK,
    OVERALL,
    Chunk,
    Finished,
    ItemsDone,
    Job,
    JobEvent,
    Lost,
    Verdict,
)
from bench.sim.truth import monotonic_ns
from bench.sim.waiting import republished

_MESSAGES = {
    FIRST_CHUNK: "The first chunk did not come in time",
    INTER_CHUNK: "The next chunk did not come in time",
    OVERALL: "The answer took too long",
    "transport_failure": "Result channel closed",
}
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error inside a stream."""

    code: str
    kind: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    """What the dialect says beyond that."""


def stream_failure(exchange: Exchange, code: str, kind: str, message: str) -> Failure:
    """An error inside a stream, with the keys of the dialect."""
    settings = exchange.gateway.settings
    later = {"param": None, "retry_after_s": settings.advice_s(code)}
    keys = settings.dialect.stream_error_keys
    return Failure(code, kind, message, {key: value for key, value in later.items() if key in keys})


class NotTakenError(LookupError):
    """The fleet did not take a stream's job."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.value)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Break:
    """What a fault plan does to a stream after so many events.

    `stream_error`: the failure, then `[DONE]`.  `stream_cut`: the body ends without a word.  `drop`: so does
    the connection.  `hang`: silence, comments apart, until the client leaves.  `garbage`: one event that
    nobody can read, and on.
    """

    after_events: int
    act: str
    how: str
    failure: Failure


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
        self._faults = exchange.course.faults
        self._gate = exchange.gateway.gate
        self._script = script
        self._job = job
        self._sequence = 0
        self._written = 0
        self._due: list[tuple[int, bytes]] = []
        self._complete = False
        self._open = False
        self._waits = False
        self._hangs = False
        self._drops = ""
        self._watch: Watch | None = None
        self._alive = KeepAlive(exchange.gateway.settings.keep_alive_s, self._comment_when_open)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, event: JobEvent) -> None:
        """Word an event and send it if bytes may leave."""
        if isinstance(event, ItemsDone) or self._complete or self._hangs:
            return
        if self._watch:
            self._watch.progress()
        if isinstance(event, Lost):
            self._finish(event.at_ns, None if self._sequence else self._failure("transport_failure"))
            return
        planned = self._planned
        goes_on = not planned or planned.after_events != self._sequence or self._turn(event.at_ns, planned)
        if goes_on:
            self._say(event)

    def _say(self, event: Chunk | Finished) -> None:
        if isinstance(event, Finished):
            events = damaged_ending(self._script.ending(event.tokens, event.ttft_ns), self._faults)
            done = [] if "no_done" in self._faults else [_DONE]
            self._due += [(event.at_ns, data) for data in (*events, *done)]
            self._complete = True
        else:
            self._due += [(event.at_ns, data) for data in self._script.chunk(event.tokens)]
        self._sequence += 1
        self._send_when_open()

    def _turn(self, at_ns: int, planned: Break) -> bool:
        """Do what the fault plan wants now; whether the stream goes on."""
        self._planned = None
        if planned.act == "garbage":
            self._due.append((at_ns, GARBAGE_EVENT))
        elif planned.act == "hang":
            self._hangs = True
            self._stop_watch()
        else:
            self._drops = planned.how if planned.act == "drop" else ""
            self._finish(at_ns, planned.failure if planned.act == "stream_error" else None)
        return planned.act == "garbage"

    def _finish(self, at_ns: int, failure: Failure | None) -> None:
        """End the stream before its time: with an error, or without a word."""
        if failure:
            self._due += [(at_ns, self._script.failure(failure)), (at_ns, _DONE)]
        self._complete = True
        self._send_when_open()

    async def run(self) -> web.StreamResponse:
        """Submit the job and send its events until the last; raises NotTakenError."""
        gateway = self._exchange.gateway
        verdict = gateway.driver.submit(self._job, self.take, self._exchange.arrived_ns)
        if verdict is not Verdict.LIVE:
            raise NotTakenError(verdict)
        self._watch = Watch(gateway.settings.limits, self._job, self._expire)
        try:
            return await self._respond()
        finally:
            self._stop_watch()
            gateway.driver.cancel(self._job.id)

    async def fail(self, failure: Failure) -> web.StreamResponse:
        """Send a stream that holds nothing but an error."""
        self._finish(monotonic_ns(), failure)
        return await self._respond()

    def _expire(self, limit: str) -> None:
        """The worker took too long; the first time, work for one chosen worker goes to all instead."""
        watch = self._watch
        if limit == FIRST_CHUNK and watch and republished(self._exchange, self._job, self.take, watch):
            return
        self._stop_watch()
        self._finish(monotonic_ns(), self._failure(limit))

    def _failure(self, code: str) -> Failure:
        return stream_failure(self._exchange, code, "server_error", _MESSAGES[code])

    async def _respond(self) -> web.StreamResponse:
        exchange = self._exchange
        await exchange.endure(silently=True)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache",
                "Connection": "close" if "close" in self._faults else "keep-alive",
                "x-accel-buffering": "no",
                "x-sie-request-id": exchange.request_id,
            }
        )
        response.enable_chunked_encoding()
        if "close" in self._faults:
            response.force_close()
        await self._gate.passed()
        before_ns = monotonic_ns()
        await response.prepare(exchange.request)
        exchange.note("headers", 0, exchange.arrived_ns, before_ns)
        try:
            await self._send_until_complete()
        finally:
            self._alive.stop()
        before_ns = monotonic_ns()
        await response.write_eof()
        exchange.note("end", 0, before_ns, before_ns)
        return response

    async def _send_until_complete(self) -> None:
        self._alive.start()
        if "delay" in self._faults:
            await asyncio.sleep(self._faults["delay"].delay_s)
        self._open = True
        self._send_when_open()
        await self._ended
        if self._drops:
            self._exchange.drop(self._drops)
            raise ConnectionResetError

    def _send_when_open(self) -> None:
        if self._open and not self._waits:
            self._waits = True
            self._gate.when_open(self._send_due)

    def _send_due(self) -> None:
        self._waits = False
        flood = self._faults.get("comments")
        for modelled_ns, data in self._due:
            if flood and self._written == (flood.after_events or 0):
                for _ in range(flood.lines):
                    self._write("comment", monotonic_ns(), COMMENT)
            self._write("event", modelled_ns, data)
            self._written += 1
        self._due.clear()
        if self._complete and not self._ended.done():
            self._ended.set_result(None)

    def _comment_when_open(self) -> None:
        if self._gate.is_open:
            self._write("comment", monotonic_ns(), COMMENT)

    def _write(self, kind: str, modelled_ns: int, data: bytes) -> None:
        transport = self._exchange.request.transport
        if transport is None or transport.is_closing():
            return
        before_ns = monotonic_ns()
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        self._alive.wrote()
        self._exchange.note(kind, self._written if kind == "event" else 0, modelled_ns, before_ns)
        if kind == "event":
            self._exchange.note_lateness(modelled_ns)

    def _stop_watch(self) -> None:
        if self._watch:
            self._watch.stop()

"""`--null`: no model, no framework; prebuilt events on a grid from a bare epoll loop.

It exists to calibrate a load generator: it does as little as can be done for an event, and its truth log
holds the kernel's stamp of each departure, so what a client measured can be held against what happened.
"""

import contextlib
import heapq
import itertools
import json
import os
import resource
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.sim.null_options import NullOptions
from bench.sim.null_wire import (
    STREAM_HEAD,
    BadRequestError,
    Request,
    refusal,
    status_replies,
    stream_of,
    take_request,
    vectors_of,
)
from bench.sim.stamps import Stamps
from bench.sim.truth import Span, TruthLog, parse_traceparent

_MS = 1_000_000
_S = 1_000_000_000
_TICK_S = 0.05
_STDIN = 0
_WRAP = 1 << 32
TICKS_A_GAP = 128
"""The grid is so much finer than the gap between two events of a stream."""


_Written = tuple[Span | None, int, str, int, int]
"""A write that waits for its stamp: span, sequence, kind, when it was due, when it was handed over."""


@dataclass(slots=True)
class _Client:
    """A connection."""

    sock: socket.socket
    inbox: bytearray = field(default_factory=bytearray)
    sent_bytes: int = 0
    unstamped: dict[int, _Written] = field(default_factory=dict)
    streams: int = 0
    gone: bool = False


@dataclass(slots=True)
class _Stream:
    """A reply under way: its writes, the next of them, and when that is due."""

    client: _Client
    span: Span | None
    writes: tuple[bytes, ...]
    due_ns: int
    sequence: int = 0


def serve_null(options: NullOptions) -> None:
    """Serve until a signal or the end of stdin; says in a line of JSON where it listens. Raises OSError."""
    settings = {"null": True, "ttft_ms": options.ttft_ms, "gap_ms": options.gap_ms}
    _prepare_process()
    is_ipv6 = ":" in options.host
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    with socket.create_server((options.host, options.port), family=family, backlog=4096) as listener:
        truth = TruthLog(options.truth_path, settings)
        server = _Server(listener, truth, options)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        try:
            host = f"[{options.host}]" if is_ipv6 else options.host
            url = f"http://{host}:{listener.getsockname()[1]}"
            print(json.dumps({"url": url, "pid": os.getpid(), **settings}), flush=True)
            server.run()
        finally:
            truth.close()


def _prepare_process() -> None:
    """A descriptor for each stream, and timers that ring when they should, where we may ask for that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text("1", encoding="ascii")


class _Server:
    def __init__(self, listener: socket.socket, truth: TruthLog, options: NullOptions) -> None:
        self._listener, self._truth = listener, truth
        self._tick_ns = max(1, round(options.gap_ms * _MS) // TICKS_A_GAP)
        self._gap_ns = self._tick_ns * TICKS_A_GAP
        self._ttft_ns = round(options.ttft_ms * _MS)
        self._status = status_replies(options.ttft_ms, options.gap_ms)
        self._stamps = Stamps()
        self._clients: dict[int, _Client] = {}
        self._due: list[tuple[int, int, _Stream]] = []
        self._number = itertools.count()
        self._stopped = False
        self._poll = select.epoll()
        listener.setblocking(False)
        self._stamps.listen(listener)
        self._poll.register(listener, select.EPOLLIN)
        if options.until_stdin_closes:
            self._poll.register(_STDIN, select.EPOLLIN)

    def stop(self) -> None:
        """Leave the loop."""
        self._stopped = True

    def run(self) -> None:
        """The loop: what is due, what arrived, and twenty times a second what is kept."""
        tick_ns = 0
        while not self._stopped:
            # epoll itself only knows milliseconds; select on it knows microseconds.
            if select.select([self._poll], [], [], self._pause_s())[0]:
                for fd, mask in self._poll.poll(0):
                    self._happened(fd, mask)
            now_ns = self._send_due()
            if now_ns >= tick_ns:
                tick_ns = now_ns + round(_TICK_S * _S)
                self._truth.flush()
                self._stamps.renew()

    def _pause_s(self) -> float:
        if not self._due:
            return _TICK_S
        return min(_TICK_S, max(0.0, (self._due[0][0] - time.monotonic_ns()) / _S))

    def _send_due(self) -> int:
        while (now_ns := time.monotonic_ns()) >= (self._due[0][0] if self._due else now_ns + 1):
            self._emit(heapq.heappop(self._due)[2])
        return now_ns

    def _emit(self, stream: _Stream) -> None:
        client, sequence = stream.client, stream.sequence
        if not self._write(client, stream.writes[sequence], stream.span, sequence, "event", stream.due_ns):
            return
        stream.sequence = sequence + 1
        if stream.sequence < len(stream.writes):
            stream.due_ns += self._gap_ns
            heapq.heappush(self._due, (stream.due_ns, next(self._number), stream))
        else:
            client.streams -= 1
            self._answer_next(client, time.monotonic_ns())

    def _write(
        self, client: _Client, data: bytes, span: Span | None, sequence: int, kind: str, due_ns: int
    ) -> bool:
        """Write at once and whole, or drop the client: whoever reads so slowly cannot be calibrated."""
        if client.gone:
            return False
        before_ns = time.monotonic_ns()
        try:
            whole = client.sock.send(data) == len(data)
        except OSError:
            whole = False
        if not whole:
            self._truth.note(span, sequence, "gone", before_ns)
            self._drop(client)
            return False
        client.sent_bytes += len(data)
        number = (client.sent_bytes - 1) % _WRAP
        client.unstamped[number] = (span, sequence, kind, due_ns, before_ns)
        self._note_departures(client, number)
        return True

    def _note_departures(self, client: _Client, last: int | None = None) -> None:
        """Over loopback a write has left by the time it returns, so the stamp is nearly always there."""
        for number, departed_ns in self._stamps.departures(client.sock):
            if written := client.unstamped.pop(number, None):
                self._truth.note(*written, departed_ns)
            if number == last:
                return

    # --- what arrives --------------------------------------------------------------------------------------

    def _happened(self, fd: int, mask: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
        elif fd == _STDIN:
            self._stopped |= not (mask & select.EPOLLIN and os.read(_STDIN, 65_536))
        elif fd in self._clients:
            client = self._clients[fd]
            if mask & select.EPOLLERR:
                self._note_departures(client)
            if mask & (select.EPOLLIN | select.EPOLLHUP):
                self._read(client)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stamps.ask(sock)
            self._clients[sock.fileno()] = _Client(sock)
            self._poll.register(sock, select.EPOLLIN)

    def _read(self, client: _Client) -> None:
        try:
            data, arrived_ns = self._stamps.read(client.sock)
        except BlockingIOError:
            return
        except OSError:
            data, arrived_ns = b"", 0
        if not data:
            self._drop(client)
            return
        client.inbox += data
        if not client.streams:
            self._answer_next(client, arrived_ns)

    def _answer_next(self, client: _Client, arrived_ns: int) -> None:
        try:
            request = take_request(client.inbox)
        except BadRequestError as error:
            self._refuse(client, str(error), arrived_ns)
            self._drop(client)
            return
        if request is None:
            return
        try:
            self._answer(client, request, arrived_ns)
        except BadRequestError as error:
            self._refuse(client, str(error), arrived_ns)

    def _refuse(self, client: _Client, message: str, arrived_ns: int) -> None:
        self._write(client, refusal("400 Bad Request", message), None, 0, "refused", arrived_ns)

    def _answer(self, client: _Client, request: Request, arrived_ns: int) -> None:
        span = parse_traceparent(request.headers.get("traceparent"))
        if request.method == "POST" and request.path == "/v1/chat/completions":
            writes = stream_of(request.body)
            self._truth.note(span, 0, "arrived", arrived_ns)
            self._begin(client, span, writes, arrived_ns)
        elif request.method == "POST" and request.path.startswith("/v1/encode/"):
            reply = vectors_of(request.body)
            self._truth.note(span, 0, "arrived", arrived_ns)
            self._write(client, reply, span, 0, "end", arrived_ns)
        else:
            known = self._status.get(request.path) if request.method == "GET" else None
            reply = known or refusal("404 Not Found", f"--null has no {request.method} {request.path}")
            self._write(client, reply, span, 0, "end" if known else "refused", arrived_ns)

    def _begin(self, client: _Client, span: Span | None, writes: tuple[bytes, ...], arrived_ns: int) -> None:
        if self._write(client, STREAM_HEAD, span, 0, "headers", arrived_ns):
            due_ns = -(-(arrived_ns + self._ttft_ns) // self._tick_ns) * self._tick_ns
            heapq.heappush(self._due, (due_ns, next(self._number), _Stream(client, span, writes, due_ns)))
            client.streams += 1

    def _drop(self, client: _Client) -> None:
        if client.gone:
            return
        client.gone = True
        for written in client.unstamped.values():
            self._truth.note(*written)
        self._clients.pop(client.sock.fileno(), None)
        self._poll.unregister(client.sock)
        client.sock.close()

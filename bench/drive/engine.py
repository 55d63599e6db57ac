"""The engine: one native thread that owns every measured socket of a worker.

Orders come in with the instant they are due; each goes out at that instant (or late, never dropped) and comes
back to the journal once, with the facts of its reply. The loop around the sockets is epoll and a timerfd.
"""

import errno
import heapq
import itertools
import os
import random
import resource
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from gevent import monkey

from bench.drive.connection import Connection, ConnectionLostError
from bench.drive.flight import NS_PER_S, Flight, Journal, Order, again
from bench.drive.stamps import Clock
from bench.drive.timer import Timer
from bench.protocol import Endpoint, Exchange, render
from bench.scenario import Retry, Timeouts

_epoll: Any = monkey.get_original("select", "epoll")

EARLY_NS = 250_000
"""The timer rings so long before a request is due; the rest is spent polling, as waking up takes as long."""

TICK_NS = 50_000_000
"""How often time-outs are looked for and the journal is turned."""


@dataclass(slots=True)
class _Mail:
    """What other threads want of the engine."""

    orders: "deque[Order]" = field(default_factory=deque)
    stop_sending: bool = False
    end_flights: tuple[str, str | None] | None = None
    close: bool = False


NEVER = Retry()

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors that say that we, not the target, have run out of something."""


class Engine:
    """Sends orders when they are due. `submit` and the stops may be called from any thread."""

    def __init__(
        self, endpoint: Endpoint, timeouts: Timeouts, journal: Journal, retry: Retry = NEVER
    ) -> None:
        self._endpoint, self._timeouts, self._journal, self._retry = endpoint, timeouts, journal, retry
        self._retrying = 0
        self._jitter = random.Random(0)
        self._mail = _Mail()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._timer = Timer()
        self._clock = Clock()
        self._poll = _epoll()
        self._waiting: list[tuple[int, int, Order]] = []
        self._number = itertools.count()
        self._flights: dict[int, Flight] = {}
        self._idle: list[Connection] = []
        self._idle_fds: dict[int, Connection] = {}
        self._family, self._address = _reachable(endpoint, timeouts.connect_s)
        self.cpu_ns = 0

    @property
    def in_flight(self) -> int:
        """Requests sent and not ended, those that wait for another try among them."""
        return len(self._flights) + self._retrying

    @property
    def backlog(self) -> int:
        """Orders not yet sent."""
        return len(self._waiting) - self._retrying + len(self._mail.orders)

    def submit(self, order: Order) -> None:
        """Send it when it is due."""
        self._mail.orders.append(order)
        self._wake()

    def stop_sending(self) -> None:
        """Give back every order that was not sent, and all that come later, as not sent."""
        self._mail.stop_sending = True
        self._wake()

    def end_flights(self, outcome: str, reason: str | None = None) -> None:
        """Settle everything in flight now; what waits for another try keeps the outcome of its last."""
        self._mail.end_flights = (outcome, reason)
        self._wake()

    def close(self) -> None:
        """Leave the loop; what is in flight is not waited for."""
        self._mail.close = True
        self._wake()

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def run(self) -> None:
        """The loop; returns after `close`."""
        _raise_descriptor_limit()
        self._poll.register(self._wake_fd, select.EPOLLIN)
        self._poll.register(self._timer.fd, select.EPOLLIN)
        next_tick_ns = 0
        while not self._mail.close:
            for fd, mask in self._poll.poll(0 if self._is_near() else TICK_NS / NS_PER_S):
                self._happened(fd, mask)
                # Continuous batching answers many streams at once; what is due must not wait for all of them.
                self._send_due()
            self._read_mail()
            self._send_due()
            self._timer.arm(self._waiting[0][0] - EARLY_NS if self._waiting else None)
            now_ns = time.monotonic_ns()
            if now_ns >= next_tick_ns:
                next_tick_ns = now_ns + TICK_NS
                self._tick(now_ns)
        self._read_mail()  # what came together with `close`
        self.cpu_ns = time.thread_time_ns()
        self._shut()

    def _is_near(self) -> bool:
        """Whether the next request is due so soon that waking up for it could come too late."""
        return bool(self._waiting) and self._waiting[0][0] - time.monotonic_ns() <= EARLY_NS

    def _happened(self, fd: int, mask: int) -> None:
        if fd == self._wake_fd:
            os.eventfd_read(fd)
        elif fd == self._timer.fd:
            self._timer.rang()
        elif fd in self._flights:
            self._progress(self._flights[fd], mask)
        elif fd in self._idle_fds:
            self._check_idle(self._idle_fds[fd], mask)

    def _read_mail(self) -> None:
        mail = self._mail
        while mail.orders:
            self._wait_for(mail.orders.popleft())
        while mail.stop_sending and self._waiting:
            self._forget(heapq.heappop(self._waiting)[2])
        if mail.end_flights:
            outcome, reason = mail.end_flights
            mail.end_flights = None
            while self._waiting:
                self._forget(heapq.heappop(self._waiting)[2])
            self._give_up(list(self._flights.values()), outcome, reason)

    def _wait_for(self, order: Order) -> None:
        heapq.heappush(self._waiting, (order.due_ns, next(self._number), order))

    def _send_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic_ns():
            self._launch(heapq.heappop(self._waiting)[2])

    def _tick(self, now_ns: int) -> None:
        self._clock.refresh(now_ns)
        for flight in list(self._flights.values()):
            deadline_ns, reason = flight.deadline(self._timeouts)
            if now_ns >= deadline_ns:
                self._give_up([flight], "timed_out", reason)
        self._journal.tick(now_ns)

    # --- flights -------------------------------------------------------------------------------------------

    def _launch(self, order: Order) -> None:
        self._retrying -= order.previous is not None
        exchange = Exchange(self._endpoint.kind, order.ask)
        flight = Flight(order, exchange, begun_ns=time.monotonic_ns())
        try:
            connection = self._idle.pop() if self._idle else self._connect()
        except OSError as error:
            exchange.facts.error_message = str(error)
            outcome, reason = ("not_sent", None) if error.errno in OURS else ("failed", "connection_lost")
            exchange.give_up(outcome, reason, time.monotonic_ns())
            self._journal.ended(flight)
            return
        self._idle_fds.pop(connection.fd, None)
        flight.connection = connection
        self._flights[connection.fd] = flight
        connection.begin(order.wire)
        if connection.connected:
            self._advance(flight, connection)

    def _forget(self, order: Order) -> None:
        if order.previous is not None:
            self._retrying -= 1
            self._journal.ended(order.previous)
            return
        flight = Flight(order, Exchange(self._endpoint.kind, order.ask), begun_ns=time.monotonic_ns())
        flight.exchange.give_up("not_sent", None, flight.begun_ns)
        self._journal.ended(flight)

    def _connect(self) -> Connection:
        connection = Connection(self._family, self._address, self._clock)
        self._poll.register(connection.fd, select.EPOLLIN | select.EPOLLOUT)
        return connection

    def _progress(self, flight: Flight, mask: int) -> None:
        connection = flight.connection
        if connection is None:
            return
        if mask & select.EPOLLERR and connection.connected:
            connection.collect_sent()
        if connection.wants_to_write and mask & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
            self._advance(flight, connection)
        readable = mask & (select.EPOLLIN | select.EPOLLHUP)
        if readable and connection.connected and not flight.exchange.done:
            self._receive(flight, connection)

    def _advance(self, flight: Flight, connection: Connection) -> None:
        try:
            connection.advance()
        except ConnectionLostError as error:
            flight.exchange.facts.error_message = str(error)
            flight.exchange.closed(time.monotonic_ns())
            self._land(flight)
            return
        if flight.handed_ns is None and connection.handed_ns is not None:
            flight.handed_ns = connection.handed_ns
            self._journal.sent(flight)
        if connection.watched_for_writing != connection.wants_to_write:
            connection.watched_for_writing = connection.wants_to_write
            self._poll.modify(connection.fd, select.EPOLLIN | select.EPOLLOUT * connection.wants_to_write)

    def _receive(self, flight: Flight, connection: Connection) -> None:
        exchange = flight.exchange
        try:
            data, stamp_ns, read_ns, by_kernel = connection.receive()
        except BlockingIOError:
            return
        except ConnectionLostError as error:
            exchange.facts.error_message = str(error)
            data, stamp_ns, read_ns, by_kernel = b"", time.monotonic_ns(), 0, False
        if data:
            flight.kernel_stamps &= by_kernel
            flight.read_lag_max_ns = max(flight.read_lag_max_ns or 0, read_ns - stamp_ns)
            exchange.feed(data, stamp_ns)
        else:
            exchange.closed(stamp_ns)
        if exchange.done:
            self._land(flight)

    def _give_up(self, flights: list[Flight], outcome: str, reason: str | None) -> None:
        for flight in flights:
            flight.exchange.give_up(outcome, reason, time.monotonic_ns())
            self._land(flight)

    def _land(self, flight: Flight) -> None:
        """Note the end, and keep the connection if it can carry another request."""
        connection = flight.connection
        if connection is not None:
            connection.collect_sent()
            flight.sent_ns = connection.sent_ns
            del self._flights[connection.fd]
            if flight.exchange.reusable:
                self._idle.append(connection)
                self._idle_fds[connection.fd] = connection
            else:
                self._poll.unregister(connection.fd)
                connection.close()
        self._settle(flight)

    def _settle(self, flight: Flight) -> None:
        """Tell the journal, or try again."""
        order = again(flight, self._retry, self._jitter.random())
        if order is None or self._mail.stop_sending:
            self._journal.ended(flight)
            return
        trace = order.trace(len(flight.tries()) + 1) if order.trace else None
        self._wait_for(replace(order, wire=render(self._endpoint, order.ask, trace)))
        self._retrying += 1

    def _check_idle(self, connection: Connection, mask: int) -> None:
        """A kept connection that speaks or closes is of no more use."""
        connection.collect_sent()
        if mask & (select.EPOLLIN | select.EPOLLHUP):
            self._idle.remove(connection)
            del self._idle_fds[connection.fd]
            self._poll.unregister(connection.fd)
            connection.close()

    def _shut(self) -> None:
        self._journal.tick(time.monotonic_ns())
        for connection in [*self._idle, *(f.connection for f in self._flights.values() if f.connection)]:
            connection.close()
        self._poll.close()
        self._timer.close()
        os.close(self._wake_fd)


def _raise_descriptor_limit() -> None:
    """A stream is a descriptor; the soft limit is often no more than 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _reachable(endpoint: Endpoint, timeout_s: float) -> tuple[int, Any]:
    """The first address of the host, as the system orders them, at which something listens.

    Raises OSError (of the last address tried; socket.gaierror for a name nobody knows).
    """
    error = OSError(f"no address for {endpoint.host}")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM
    ):
        with socket.socket(family, kind, protocol) as probe:
            probe.settimeout(timeout_s)
            try:
                probe.connect(address)
            except OSError as refusal:
                error = refusal
            else:
                return family, address
    raise error

"""The flights: every request that is on its way, each on its connection, from the send to the landing."""

import errno
import select
import time
from collections.abc import Callable

from bench.drive.connection import Connection, ConnectionLostError
from bench.drive.flight import NS_PER_S, Flight, Order
from bench.drive.pool import READABLE, WRITABLE, Pool
from bench.protocol import Exchange
from bench.protocol.facts import Kind
from bench.scenario import Timeouts

READABLE_ONLY: int = select.EPOLLIN

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors that say that we, not the target, have run out of something."""

_now_ns = time.monotonic_ns

Hears = Callable[[Flight], None]


class Flights:
    """What was launched and has not landed. `landed` hears of each flight once, `sent` of those that last.

    `read_ns` is the last look at the clock.
    """

    def __init__(self, kind: Kind, pool: Pool, timeouts: Timeouts, sent: Hears, landed: Hears) -> None:
        self._kind: Kind = kind
        self._pool, self._timeouts, self._sent, self._landed = pool, timeouts, sent, landed
        limits_s = timeouts.connect_s, timeouts.first_byte_s, timeouts.token_s, timeouts.overall_s
        self._patience_ns = int(min(limits_s) * NS_PER_S)
        self.by_fd: dict[int, Flight] = {}
        self.undecoded: dict[Exchange, None] = {}
        self.read_ns = 0

    def launch(self, orders: list[Order]) -> None:
        """Send them all, then see to the rest: a server that is kept busy need not be woken for each."""
        begun_ns = _now_ns()
        # The list is made first, and so are all sends.
        for flight in [self._depart(order, begun_ns) for order in orders]:
            if flight.connection is not None:
                self._departed(flight, flight.connection)

    def happened(self, flight: Flight, mask: int) -> None:
        """Something did, on its connection."""
        connection = flight.connection
        if connection is None:
            return
        if mask == READABLE_ONLY and connection.connected:
            # Nearly all that happens is that a reply comes.
            self._receive(flight, connection)
        elif not connection.connected:
            # A TLS handshake reads and writes as it likes.
            self._advance(flight, connection)
        else:
            self._progress(flight, connection, mask)

    def look_at_the_clock(self, now_ns: int) -> None:
        """Tell of what was sent and has not ended, and give up whose time is over."""
        for flight in list(self.by_fd.values()):
            self.note(flight)
            if flight.alarm_ns <= now_ns:
                self._check(flight, now_ns)

    def note(self, flight: Flight) -> None:
        """Tell that it was sent, once it was, and only once."""
        if not flight.noted and flight.handed_ns is not None:
            flight.noted = True
            self._sent(flight)

    def give_up(self, flights: list[Flight], outcome: str, reason: str | None) -> None:
        """Settle them from outside."""
        for flight in flights:
            flight.exchange.give_up(outcome, reason, _now_ns())
            if flight.connection is not None:
                self._land(flight, flight.connection)

    def grounded(self, order: Order) -> Flight:
        """One that never departs."""
        return Flight(order, Exchange(self._kind, order.ask), _now_ns())

    def close(self) -> None:
        """Close their connections; nobody hears of it."""
        for flight in self.by_fd.values():
            if flight.connection is not None:
                flight.connection.close()

    def _check(self, flight: Flight, now_ns: int) -> None:
        flight.exchange.decode()
        deadline_ns, reason = flight.deadline(self._timeouts)
        flight.alarm_ns = min(deadline_ns, now_ns + self._patience_ns)
        if now_ns >= deadline_ns:
            self.give_up([flight], "timed_out", reason)

    def _depart(self, order: Order, begun_ns: int) -> Flight:
        """Hand it to a connection, of which there is none where it is lost already."""
        try:
            connection = self._pool.take()
        except OSError as error:
            return self._stay(order, error)
        exchange = Exchange(self._kind, order.ask, connection.framing)
        flight = Flight(order, exchange, begun_ns, begun_ns + self._patience_ns, connection)
        self.by_fd[connection.fd] = flight
        try:
            connection.begin(order.wire)
        except ConnectionLostError as error:
            self._lose(flight, connection, error)
        return flight

    def _stay(self, order: Order, error: OSError) -> Flight:
        """There is no connection for it."""
        flight = self.grounded(order)
        flight.exchange.facts.error_message = str(error)
        outcome, reason = ("not_sent", None) if error.errno in OURS else ("failed", "connection_lost")
        flight.exchange.give_up(outcome, reason, _now_ns())
        self._landed(flight)
        return flight

    def _progress(self, flight: Flight, connection: Connection, mask: int) -> None:
        if mask & select.EPOLLERR:
            connection.collect_sent()
        if mask & WRITABLE and connection.wants_to_write:
            self._advance(flight, connection)
        if mask & READABLE and not flight.exchange.done:
            self._receive(flight, connection)

    def _advance(self, flight: Flight, connection: Connection) -> None:
        """Connect and send as far as it goes."""
        try:
            connection.push()
        except ConnectionLostError as error:
            self._lose(flight, connection, error)
        else:
            self._departed(flight, connection)

    def _lose(self, flight: Flight, connection: Connection, error: ConnectionLostError) -> None:
        """The connection is gone before all was sent, and the flight with it."""
        flight.exchange.facts.error_message = str(error)
        flight.exchange.closed(_now_ns())
        self._land(flight, connection)

    def _departed(self, flight: Flight, connection: Connection) -> None:
        """Note what was sent, as far as it was."""
        wants_to_write = connection.pending or (not connection.connected and connection.wants_to_write)
        if not wants_to_write:
            # The stamp of a send is there when the send is done, as a rule: no wake-up for it then.
            connection.collect_sent()
        if flight.handed_ns is None:
            flight.handed_ns = connection.handed_ns
        if wants_to_write or connection.watched_for_writing:
            self._pool.watch(connection)

    def _receive(self, flight: Flight, connection: Connection) -> None:
        exchange = flight.exchange
        try:
            data, stamp_ns, read_ns, by_kernel = connection.receive()
        except BlockingIOError:
            return
        except ConnectionLostError as error:
            exchange.facts.error_message = str(error)
            data, stamp_ns, read_ns, by_kernel = b"", _now_ns(), 0, False
        if data:
            self.read_ns = read_ns
            lag_ns = read_ns - stamp_ns
            if not by_kernel:
                flight.kernel_stamps = False
            if flight.read_lag_max_ns is None or lag_ns > flight.read_lag_max_ns:
                flight.read_lag_max_ns = max(0, lag_ns)
            exchange.feed(data, stamp_ns)
        else:
            exchange.closed(stamp_ns)
        if exchange.done:
            self._land(flight, connection)
        else:
            self.undecoded[exchange] = None

    def _land(self, flight: Flight, connection: Connection) -> None:
        """Note the end, and keep the connection if it can carry another request."""
        if connection.sent_ns is None:
            connection.collect_sent()
        flight.sent_ns = connection.sent_ns
        flight.connection = None
        exchange = flight.exchange
        del self.by_fd[connection.fd]
        self.undecoded.pop(exchange, None)
        if exchange.reusable:
            self._pool.give_back(connection)
        else:
            self._pool.drop(connection)
        self._landed(flight)

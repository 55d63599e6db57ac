"""The engine: one native thread that owns every measured socket of a worker.

Orders come from a supply, or in by mail, with the instant they are due; each goes out at that instant (or
late, never dropped) and comes back to the journal once, with the facts of its reply. The loop around the
sockets is epoll and a timerfd; what comes is rendered, and what came is decoded, when nothing else is to do.
"""

import errno
import heapq
import itertools
import os
import random
import resource
import select
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bench.drive.connection import Connection, ConnectionLostError
from bench.drive.flight import NS_PER_S, Flight, Journal, Order, again
from bench.drive.pool import READABLE, WRITABLE, Pool
from bench.drive.pulse import Pulse
from bench.drive.stamps import Clock
from bench.drive.supply import AHEAD_NS, AHEAD_ORDERS, Nothing, Supply
from bench.drive.timer import Timer
from bench.protocol import Endpoint, Exchange
from bench.scenario import Retry, Timeouts

READABLE_ONLY: int = select.EPOLLIN

EARLY_NS = 250_000
"""The timer rings so long before a request is due; the rest is spent polling, as waking up takes as long."""

SOON_NS = 10_000_000
"""What is due so soon is rendered at once, idle or not."""

MANY = 64
"""Where so much happens at once more may be waiting; so many streams are decoded between two looks."""

BURST = 32
"""So many requests that are due are rendered before the first of them is sent: a fifth of a millisecond."""

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
        self, endpoint: Endpoint, timeouts: Timeouts, journal: Journal, retry: Retry = NEVER, seed: int = 0
    ) -> None:
        _raise_descriptor_limit()
        self._endpoint, self._timeouts, self._journal, self._retry = endpoint, timeouts, journal, retry
        limits_s = timeouts.connect_s, timeouts.first_byte_s, timeouts.token_s, timeouts.overall_s
        self._patience_ns = int(min(limits_s) * NS_PER_S)
        self._retries, self._retrying = retry.policy != "never", 0
        self._jitter = random.Random(seed)  # processes must not come back together
        self._mail = _Mail()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._timer = Timer()
        self._clock = Clock()
        self.pulse = Pulse()
        self.pool = Pool(endpoint, timeouts.connect_s, self._clock)
        self._waiting: list[tuple[int, int, Order]] = []
        self._number = itertools.count()
        self._flights: dict[int, Flight] = {}
        self._undecoded: dict[Exchange, None] = {}
        self._supply: Supply = Nothing()
        self._sending = True
        self._now_ns = 0  # the last look at the clock
        self._to_render_ns: int | None = None

    def serve(self, supply: Supply) -> None:
        """Take orders from there; to be called before `run`."""
        self._supply = supply

    @property
    def in_flight(self) -> int:
        """Requests sent and not ended, those that wait for another try among them."""
        return len(self._flights) + self._retrying

    @property
    def backlog(self) -> int:
        """Orders not yet sent, as far as they are rendered."""
        return len(self._waiting) - self._retrying + len(self._mail.orders)

    def submit(self, order: Order) -> None:
        """Send it when it is due."""
        self._mail.orders.append(order)
        self.wake()

    def stop_sending(self) -> None:
        """Give back every order that was not sent, and all that come later, as not sent."""
        self._mail.stop_sending = True
        self.wake()

    def end_flights(self, outcome: str, reason: str | None = None) -> None:
        """Settle everything in flight now; what waits for another try keeps the outcome of its last."""
        self._mail.end_flights = (outcome, reason)
        self.wake()

    def close(self) -> None:
        """Leave the loop; what is in flight is not waited for."""
        self._mail.close = True
        self.wake()

    def wake(self) -> None:
        """Look at mail and supply now."""
        os.eventfd_write(self._wake_fd, 1)

    def facts(self) -> dict[str, Any]:
        """About ourselves, for run.json; after the end of `run`."""
        return {
            **self.pulse.facts(),
            "connections": self.pool.opened,
            "connections_reused": self.pool.reused,
        }

    # --- the loop ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The loop; returns after `close`."""
        self.pulse.start()
        poll, flights = self.pool.poll, self._flights
        poll.register(self._wake_fd, select.EPOLLIN)
        poll.register(self._timer.fd, select.EPOLLIN)
        while not self._mail.close:
            events = poll.poll(0 if self._has_work() else self.pulse.left_s(TICK_NS))
            for fd, mask in events:
                flight = flights.get(fd)
                # Nearly all that happens is that a reply comes.
                connection = flight.connection if flight is not None and mask == READABLE_ONLY else None
                if flight is not None and connection is not None and connection.connected:
                    self._receive(flight, connection)
                else:
                    self._happened(fd, mask)
                # Continuous batching answers many streams at once; what is due must not wait for all of them.
                if self._waiting and self._waiting[0][0] <= self._now_ns:
                    self._send_due()
            before_ns, self._now_ns = self._now_ns, time.monotonic_ns()
            if not events and not self._undecoded and self._now_ns - before_ns < EARLY_NS:
                self.pulse.spun(self._now_ns - before_ns)
            self._render(self._now_ns + SOON_NS, AHEAD_ORDERS)
            self._send_due()
            if len(events) < MANY:
                self._use_idle_time()
            self._set_timer()
            if self.pulse.beats(self._now_ns, TICK_NS):
                self._tick(self._now_ns)
        self._read_mail()  # what came together with `close`
        self.pulse.stop()
        self._shut()

    def _set_timer(self) -> None:
        """What is due sooner than that is awaited awake."""
        alarm_ns = self._waiting[0][0] - EARLY_NS if self._waiting else 0
        self._timer.arm(alarm_ns if alarm_ns > self._now_ns else None)

    def _has_work(self) -> bool:
        """Whether something is due so soon that waking up could come too late, or idle time has a use."""
        if self._undecoded:
            return True
        now_ns = time.monotonic_ns()
        if self._waiting and self._waiting[0][0] - now_ns <= EARLY_NS:
            return True
        return self._to_render_ns is not None and self._to_render_ns - now_ns <= AHEAD_NS

    def _use_idle_time(self) -> None:
        """A little of it: what happens meanwhile has its stamp, but what is due has not."""
        self._render(self._now_ns + AHEAD_NS, 1)
        for _ in range(min(len(self._undecoded), MANY)):
            if self._is_near():
                return
            exchange, _ = self._undecoded.popitem()
            exchange.decode()

    def _is_near(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] - time.monotonic_ns() <= EARLY_NS

    def _render(self, limit_ns: int, most: int) -> None:
        """Take orders that are due until then."""
        self._to_render_ns = self._next_to_render_ns()
        due: list[Order] = []
        while most > 0 and self._to_render_ns is not None and self._to_render_ns <= limit_ns:
            order = self._supply.take()
            if order.due_ns > self._now_ns:
                self._wait_for(order)
            else:
                due.append(order)
            if len(due) == BURST:
                self._launch(due)
                due = []
            self._to_render_ns = self._next_to_render_ns()
            most -= 1
        if due:
            self._launch(due)

    def _next_to_render_ns(self) -> int | None:
        return self._supply.next_ns() if self._sending and len(self._waiting) < AHEAD_ORDERS else None

    def _happened(self, fd: int, mask: int) -> None:
        flight = self._flights.get(fd)
        if flight is not None:
            self._progress(flight, mask)
        elif fd == self._wake_fd:
            os.eventfd_read(fd)
            self._read_mail()
        elif fd == self._timer.fd:
            self._timer.rang()
        else:
            self.pool.attend(fd, mask)

    def _read_mail(self) -> None:
        mail = self._mail
        while mail.orders:
            self._wait_for(mail.orders.popleft())
        if mail.stop_sending:
            self._sending = False
            self._forget_waiting()
        if mail.end_flights:
            outcome, reason = mail.end_flights
            mail.end_flights = None
            self._forget_waiting()
            self._give_up(list(self._flights.values()), outcome, reason)

    def _wait_for(self, order: Order) -> None:
        heapq.heappush(self._waiting, (order.due_ns, next(self._number), order))

    def _send_due(self) -> None:
        # One look at the clock: users who ask a server that is gone, and ask again, must not keep us here.
        waiting, now_ns = self._waiting, time.monotonic_ns()
        due: list[Order] = []
        while waiting and waiting[0][0] <= now_ns:
            due.append(heapq.heappop(waiting)[2])
        if due:
            self._launch(due)

    def _tick(self, now_ns: int) -> None:
        self._clock.refresh(now_ns)
        for flight in list(self._flights.values()):
            if flight.alarm_ns <= now_ns:
                self._look_at_the_clock(flight, now_ns)
        self._journal.tick(now_ns)

    def _look_at_the_clock(self, flight: Flight, now_ns: int) -> None:
        flight.exchange.decode()
        deadline_ns, reason = flight.deadline(self._timeouts)
        flight.alarm_ns = min(deadline_ns, now_ns + self._patience_ns)
        if now_ns >= deadline_ns:
            self._give_up([flight], "timed_out", reason)

    # --- flights -------------------------------------------------------------------------------------------

    def _launch(self, orders: list[Order]) -> None:
        """Send them all, then see to the rest: a server that is kept busy need not be woken for each."""
        # The list is made first, and so are all sends.
        for flight, connection in [self._depart(order) for order in orders]:
            if connection is not None:
                self._departed(flight, connection)

    def _depart(self, order: Order) -> tuple[Flight, Connection | None]:
        """Hand it to a connection, which is None where there was none or it is lost already."""
        self._retrying -= order.previous is not None
        try:
            connection = self.pool.take()
        except OSError as error:
            return self._stay(order, error), None
        exchange = Exchange(self._endpoint.kind, order.ask, connection.framing)
        begun_ns = time.monotonic_ns()
        flight = Flight(order, exchange, begun_ns, begun_ns + self._patience_ns, connection)
        self._flights[connection.fd] = flight
        connection.begin(order.wire)
        pushed = not connection.connected or self._push(flight, connection)
        return flight, connection if pushed else None

    def _stay(self, order: Order, error: OSError) -> Flight:
        """There is no connection for it."""
        flight = self._grounded(order)
        flight.exchange.facts.error_message = str(error)
        outcome, reason = ("not_sent", None) if error.errno in OURS else ("failed", "connection_lost")
        flight.exchange.give_up(outcome, reason, time.monotonic_ns())
        self._end(flight)
        return flight

    def _forget_waiting(self) -> None:
        now_ns = time.monotonic_ns()
        while self._waiting:
            order = heapq.heappop(self._waiting)[2]
            if order.previous is not None:
                self._retrying -= 1
                self._end(order.previous)
            elif not order.ripens or order.due_ns <= now_ns:
                flight = self._grounded(order)
                flight.exchange.give_up("not_sent", None, flight.begun_ns)
                self._end(flight)

    def _grounded(self, order: Order) -> Flight:
        return Flight(order, Exchange(self._endpoint.kind, order.ask), time.monotonic_ns())

    def _progress(self, flight: Flight, mask: int) -> None:
        connection = flight.connection
        if connection is None:
            return
        if not connection.connected:
            # A TLS handshake reads and writes as it likes.
            self._advance(flight, connection)
            return
        if mask & select.EPOLLERR:
            connection.collect_sent()
        if mask & WRITABLE and connection.wants_to_write:
            self._advance(flight, connection)
        if mask & READABLE and not flight.exchange.done:
            self._receive(flight, connection)

    def _advance(self, flight: Flight, connection: Connection) -> None:
        if self._push(flight, connection):
            self._departed(flight, connection)

    def _push(self, flight: Flight, connection: Connection) -> bool:
        """Connect and send as far as it goes; False where the connection is lost, and the flight with it."""
        try:
            connection.push()
        except ConnectionLostError as error:
            flight.exchange.facts.error_message = str(error)
            flight.exchange.closed(time.monotonic_ns())
            self._land(flight, connection)
            return False
        return True

    def _departed(self, flight: Flight, connection: Connection) -> None:
        """Note what was sent, as far as it was."""
        wants_to_write = connection.wants_to_write
        if not wants_to_write:
            # The stamp of a send is there when the send is done, as a rule: no wake-up for it then.
            connection.collect_sent()
        if flight.handed_ns is None and connection.handed_ns is not None:
            flight.handed_ns = connection.handed_ns
            self._journal.sent(flight)
        if wants_to_write or connection.watched_for_writing:
            self.pool.watch(connection)

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
            self._now_ns = read_ns
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
            self._undecoded[exchange] = None

    def _give_up(self, flights: list[Flight], outcome: str, reason: str | None) -> None:
        for flight in flights:
            flight.exchange.give_up(outcome, reason, time.monotonic_ns())
            if flight.connection is not None:
                self._land(flight, flight.connection)

    def _land(self, flight: Flight, connection: Connection) -> None:
        """Note the end, and keep the connection if it can carry another request."""
        if connection.sent_ns is None:
            connection.collect_sent()
        flight.sent_ns = connection.sent_ns
        flight.connection = None
        exchange = flight.exchange
        del self._flights[connection.fd]
        self._undecoded.pop(exchange, None)
        if exchange.reusable:
            self.pool.give_back(connection)
        else:
            self.pool.drop(connection)
        self._settle(flight)

    def _settle(self, flight: Flight) -> None:
        """Tell the journal, or try again."""
        if self._retries and self._sending and (order := again(flight, self._retry, self._jitter.random())):
            self._wait_for(order)
            self._retrying += 1
            return
        self._journal.ended(flight)
        self._supply.ended(flight)

    def _end(self, flight: Flight) -> None:
        self._journal.ended(flight)
        self._supply.ended(flight)

    def _shut(self) -> None:
        self._journal.tick(time.monotonic_ns())
        for flight in self._flights.values():
            if flight.connection is not None:
                flight.connection.close()
        self.pool.close()
        self._timer.close()
        os.close(self._wake_fd)


def _raise_descriptor_limit() -> None:
    """A stream is a descriptor; the soft limit is often no more than 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

"""The engine: one native thread that owns every measured socket of a worker.

Orders come from a supply, or in by mail, with the instant they are due; each goes out at that instant (or
late, never dropped) and comes back to the journal once, with the facts of its reply. The loop around the
sockets is epoll and a timerfd; what comes is rendered, and what came is decoded, when nothing else is to do.
"""

import heapq
import itertools
import random
import resource
import select
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bench.drive.bell import Bell
from bench.drive.flight import Flight, Journal, Order, again
from bench.drive.flights import Flights
from bench.drive.pool import Pool
from bench.drive.pulse import Pulse
from bench.drive.stamps import Clock
from bench.drive.supply import AHEAD_NS, AHEAD_ORDERS, Nothing, Supply
from bench.drive.timer import Timer
from bench.protocol import Endpoint
from bench.scenario import Retry, Timeouts

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


class Engine:
    """Sends orders when they are due. `submit` and the stops may be called from any thread."""

    def __init__(
        self, endpoint: Endpoint, timeouts: Timeouts, journal: Journal, retry: Retry = NEVER, seed: int = 0
    ) -> None:
        _raise_descriptor_limit()
        self._journal, self._retry = journal, retry
        self._retries = retry.policy != "never"
        # They only grow, and each before what it counts happens, so that other threads never miss a request.
        self._taken = self._begun = self._ended = 0
        self._jitter = random.Random(seed)  # processes must not come back together
        self._mail = _Mail()
        self._bell = Bell()
        self._timer = Timer()
        self._clock = Clock()
        self.pulse = Pulse()
        self.pool = Pool(endpoint, timeouts.connect_s, self._clock)
        self._waiting: list[tuple[int, int, Order]] = []
        self._number = itertools.count()
        landed = self._settle if self._retries else self._end
        self._flights = Flights(endpoint.kind, self.pool, timeouts, journal.sent, landed)
        self._supply: Supply = Nothing()
        self._sending = True
        self._now_ns = 0  # the last look at the clock
        self._done = 0  # at that look; what is taken, sent or decoded makes it more
        self._to_render_ns: int | None = None

    def serve(self, supply: Supply) -> None:
        """Take orders from there; to be called before `run`."""
        self._supply = supply

    @property
    def in_flight(self) -> int:
        """Requests sent and not ended, those that wait for another try among them; from any thread."""
        ended = self._ended  # first: what ends meanwhile still counts
        return self._begun - ended

    @property
    def backlog(self) -> int:
        """Orders not yet sent, as far as they were taken; from any thread."""
        begun = self._begun
        return self._taken - begun + len(self._mail.orders)

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
        self._bell.ring()

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
        by_fd = flights.by_fd
        poll.register(self._bell.fd, select.EPOLLIN)
        poll.register(self._timer.fd, select.EPOLLIN)
        while not self._mail.close:
            events = poll.poll(0 if self._has_work() else self.pulse.left_s())
            for fd, mask in events:
                flight = by_fd.get(fd)
                if flight is not None:
                    flights.happened(flight, mask)
                else:
                    self._happened(fd, mask)
                # Continuous batching answers many streams at once; what is due must not wait for all of them.
                if self._waiting and self._waiting[0][0] <= flights.read_ns:
                    self._send_due()
            before_ns, self._now_ns = self._now_ns, time.monotonic_ns()
            self._note_idling(events, self._now_ns - before_ns)
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

    def _note_idling(self, events: list[tuple[int, int]], for_ns: int) -> None:
        """Nothing happened, and nothing was taken, sent or decoded meanwhile: it only stayed awake."""
        before, self._done = self._done, self._taken + self._begun - len(self._flights.undecoded)
        if not events and self._done == before and for_ns < EARLY_NS:
            self.pulse.spun(for_ns)

    def _set_timer(self) -> None:
        """What is due sooner than that is awaited awake."""
        alarm_ns = self._waiting[0][0] - EARLY_NS if self._waiting else 0
        self._timer.arm(alarm_ns if alarm_ns > self._now_ns else None)

    def _has_work(self) -> bool:
        """Whether something is due so soon that waking up could come too late, or idle time has a use."""
        if self._flights.undecoded:
            return True
        now_ns = time.monotonic_ns()
        if self._waiting and self._waiting[0][0] - now_ns <= EARLY_NS:
            return True
        return self._to_render_ns is not None and self._to_render_ns - now_ns <= AHEAD_NS

    def _use_idle_time(self) -> None:
        """A little of it: what happens meanwhile has its stamp, but what is due has not."""
        self._render(self._now_ns + AHEAD_NS, 1)
        undecoded = self._flights.undecoded
        for _ in range(min(len(undecoded), MANY)):
            if self._is_near():
                return
            exchange, _ = undecoded.popitem()
            exchange.decode()

    def _is_near(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] - time.monotonic_ns() <= EARLY_NS

    def _render(self, limit_ns: int, most: int) -> None:
        """Take orders that are due until then."""
        supply = self._supply
        most = min(most, AHEAD_ORDERS - len(self._waiting)) if self._sending else 0
        due: list[Order] = []
        at_ns = supply.next_ns()
        while most > 0 and at_ns is not None and at_ns <= limit_ns:
            self._taken += 1
            order = supply.take()
            if order.due_ns > self._now_ns:
                self._wait_for(order)
            else:
                due.append(order)
            if len(due) == BURST:
                self._launch(due)
                due = []
            at_ns = supply.next_ns()
            most -= 1
        if due:
            self._launch(due)
        self._to_render_ns = at_ns if self._sending and len(self._waiting) < AHEAD_ORDERS else None

    def _happened(self, fd: int, mask: int) -> None:
        if fd == self._bell.fd:
            self._bell.rang()
            self._read_mail()
        elif fd == self._timer.fd:
            self._timer.rang()
        else:
            self.pool.attend(fd, mask)

    def _read_mail(self) -> None:
        mail = self._mail
        while mail.orders:
            self._taken += 1
            self._wait_for(mail.orders.popleft())
        if mail.stop_sending:
            self._sending = False
            self._forget_waiting()
        if mail.end_flights:
            outcome, reason = mail.end_flights
            mail.end_flights = None
            self._forget_waiting()
            self._flights.give_up(list(self._flights.by_fd.values()), outcome, reason)

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
        self._flights.look_at_the_clock(now_ns)
        self._journal.tick(now_ns)

    # --- what becomes of orders -----------------------------------------------------------------------------

    def _launch(self, orders: list[Order]) -> None:
        self._begun += sum(order.previous is None for order in orders) if self._retries else len(orders)
        self._flights.launch(orders)

    def _forget_waiting(self) -> None:
        now_ns = time.monotonic_ns()
        while self._waiting:
            order = heapq.heappop(self._waiting)[2]
            if order.previous is not None:
                self._end(order.previous)
                continue
            self._begun += 1
            if order.ripens and order.due_ns > now_ns:
                self._ended += 1
            else:
                flight = self._flights.grounded(order)
                flight.exchange.give_up("not_sent", None, flight.begun_ns)
                self._end(flight)

    def _settle(self, flight: Flight) -> None:
        """Tell the journal, or try again."""
        if self._sending and (order := again(flight, self._retry, self._jitter.random())):
            self._flights.note(flight)
            self._wait_for(order)
            return
        self._end(flight)

    def _end(self, flight: Flight) -> None:
        self._journal.ended(flight)
        self._supply.ended(flight)
        self._ended += 1

    def _shut(self) -> None:
        self._journal.tick(time.monotonic_ns())
        self._flights.close()
        self.pool.close()
        self._timer.close()
        self._bell.close()


def _raise_descriptor_limit() -> None:
    """A stream is a descriptor; the soft limit is often no more than 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

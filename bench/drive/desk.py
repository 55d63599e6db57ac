"""Where tasks of a locustfile hand in what they ask, and wait: between Locust's greenlets and the engine."""

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from gevent.event import AsyncResult
from locust.exception import StopUser

from bench.drive.asking import shared_of, traceparent
from bench.drive.flight import NS_PER_S, Flight, Order
from bench.drive.given import Given, Names, Wish
from bench.protocol import Ask, Endpoint, render


class Desk:
    """Blocks a greenlet, and no other, until its request has ended."""

    def __init__(
        self,
        names: Names,
        run_id: str,
        endpoint: Endpoint,
        start_ns: int,
        submit: Callable[[Order], None],
        number: Callable[[int], tuple[int, int]],
    ) -> None:
        self._names = names
        self._run_id, self._endpoint, self._start_ns = run_id, endpoint, start_ns
        self._submit, self._number = submit, number
        self._open = True
        self._waiting: set[AsyncResult] = set()
        self._ended: deque[tuple[AsyncResult, Flight]] = deque()
        # The one thing of gevent's that another thread may touch.
        self._bell: Any = gevent.get_hub().loop.async_()
        self._bell.start(self._hand_out)

    def ask(self, user: int, wish: Wish, talk: tuple[int, int] | None) -> tuple[Given, Flight, int]:
        """The request as it was recorded, what became of it, and the monotonic instant it was due.

        `talk`: the conversation and the turn that it goes on with. It is due when its bytes are made. Raises
        StopUser where the run sends nothing more, ValueError for what makes no sense, TypeError for what JSON
        cannot say.
        """
        asked, ask = self._names.ask(wish)
        self._await_start()
        place, index = self._number(user)
        wire, waiter = self._render(ask, index, 1), AsyncResult()
        # Last of what may fail: a class without a request would be half a record.
        traffic = self._names.class_of(asked)
        given = Given(
            index, traffic, ask.profile, 0, ask.max_tokens, user=place, ask=ask, begun=talk or (index, 0)
        )
        due_ns = time.monotonic_ns()
        order = Order(
            due_ns, ask, wire, given, shared_of(given), partial(self._tell, waiter), self._render_again
        )
        flight = self._await(waiter, order)
        return given, flight, due_ns

    def close(self) -> None:
        """Take nothing more, and send home who still waits; to be called when the engine is gone."""
        self._open = False
        if self._bell is None:
            return
        self._hand_out()
        for waiter in self._waiting:
            if not waiter.ready():
                waiter.set_exception(StopUser())
        self._bell.close()
        self._bell = None

    def shut(self) -> None:
        """Take nothing more; who waits gets what is under way."""
        self._open = False

    def _await_start(self) -> None:
        lead_s = (self._start_ns - time.monotonic_ns()) / NS_PER_S
        if lead_s > 0:
            gevent.sleep(lead_s)
        if not self._open:
            raise StopUser

    def _await(self, waiter: AsyncResult, order: Order) -> Flight:
        self._waiting.add(waiter)
        try:
            self._submit(order)
            flight: Flight = waiter.get()
        finally:
            self._waiting.discard(waiter)
        return flight

    def _render(self, ask: Ask, index: int, attempt: int) -> bytes:
        return render(self._endpoint, ask, traceparent(self._run_id, index, attempt))

    def _render_again(self, order: Order, attempt: int) -> bytes:
        return self._render(order.ask, order.planned.index, attempt)

    def _tell(self, waiter: AsyncResult, flight: Flight) -> None:
        """On the engine's thread."""
        self._ended.append((waiter, flight))
        self._bell.send()

    def _hand_out(self) -> None:
        while self._ended:
            waiter, flight = self._ended.popleft()
            waiter.set(flight)

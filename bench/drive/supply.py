"""Where the engine's orders come from: the schedule of an open loop, or users who wait for their replies.

The engine renders in its own idle time (two threads of Python would stand in each other's way), never more
than `AHEAD_NS` or `AHEAD_ORDERS` before an order is due.
"""

import heapq
import itertools
import time
from collections import Counter, deque
from collections.abc import Hashable
from typing import Protocol

from bench.drive.asking import Recipe, recipe_of, span_of, traceparent
from bench.drive.flight import NS_PER_S, Flight, Order
from bench.protocol import Endpoint, fill, render, template_of
from bench.workload import Planned, Schedule, Texts

AHEAD_NS = 5 * NS_PER_S
AHEAD_ORDERS = 2000

MOST_RECIPES = 512
"""So many are kept, each with texts of its own; classes with lengths of all sizes have no end of them."""


class Supply(Protocol):
    """Asked on the engine's thread."""

    def next_ns(self) -> int | None:
        """The monotonic instant at which the next order is due; None: there is none for now."""

    def take(self) -> Order:
        """Render that order."""

    def ended(self, flight: Flight) -> None:
        """An order of this supply is settled."""


class Nothing:
    """For an engine that is only told what to do."""

    def next_ns(self) -> int | None:
        """Nothing."""
        return None

    def take(self) -> Order:
        """Never called."""
        raise NotImplementedError

    def ended(self, flight: Flight) -> None:
        """Of no interest."""


class Kitchen:
    """Makes an order of a planned request: text, body and head from (seed, index)."""

    def __init__(
        self, run_id: str, texts: Texts, endpoint: Endpoint, start_ns: int, *, estimate_tokens: bool = False
    ) -> None:
        self._run_id, self._endpoint = run_id, endpoint
        self._texts, self._estimate_tokens = texts, estimate_tokens
        self._recipes: dict[Hashable, tuple[Recipe, bytes | None]] = {}
        texts.warm_up()
        self.start_ns = start_ns
        self._again = self._render_again  # bound once

    def order(self, planned: Planned, due_ns: int, ripens: bool = False) -> Order:
        """Rendered, and due at a monotonic instant."""
        # The schedule keeps its classes alive: no other comes to have the id of one.
        kind = id(planned.traffic), planned.profile, planned.item_tokens, planned.out_tokens
        recipe, template = self._recipes.get(kind) or self._learn(kind, planned)
        index = planned.index
        if template is None:
            ask = recipe.ask(planned)
            wire = render(self._endpoint, ask, traceparent(self._run_id, index, 1))
        else:
            ask = recipe.pattern
            wire = fill(template, span_of(index, 1), recipe.texts.written(index, recipe.sizes))
        return Order(due_ns, ask, wire, planned, recipe.shared, None, self._again, None, ripens)

    def _learn(self, kind: Hashable, planned: Planned) -> tuple[Recipe, bytes | None]:
        if len(self._recipes) >= MOST_RECIPES:
            self._recipes.clear()
        recipe = self._recipe(planned)
        template = None if recipe.fills else template_of(self._endpoint, recipe.pattern, self._run_id)
        learned = self._recipes[kind] = recipe, template
        return learned

    def _recipe(self, planned: Planned) -> Recipe:
        return recipe_of(planned, self._texts, estimate_tokens=self._estimate_tokens)

    def _render_again(self, order: Order, attempt: int) -> bytes:
        ask = self._recipe(order.planned).ask(order.planned)
        return render(self._endpoint, ask, traceparent(self._run_id, order.planned.index, attempt))


class OpenSupply:
    """The requests of one worker, each at the instant that the schedule fixed."""

    def __init__(self, schedule: Schedule, kitchen: Kitchen, worker: int, workers: int) -> None:
        self._kitchen = kitchen
        self._rest = schedule.part(worker, workers)
        self._next = next(self._rest, None)

    @property
    def exhausted(self) -> bool:
        """Whether every order was taken."""
        return self._next is None

    def next_ns(self) -> int | None:
        """The next of the schedule."""
        return None if self._next is None else self._kitchen.start_ns + (self._next.due_ns or 0)

    def take(self) -> Order:
        """In the order of the schedule."""
        if self._next is None:
            raise IndexError("the schedule is exhausted")
        planned, self._next = self._next, next(self._rest, None)
        return self._kitchen.order(planned, self._kitchen.start_ns + (planned.due_ns or 0))

    def ended(self, flight: Flight) -> None:
        """Changes nothing: an open loop does not wait."""


class ClosedSupply:
    """Users who think, ask, and wait for the reply, until `end_ns`.

    A turn is due when the reply before it has arrived and its user has thought. What a task asks by itself
    comes to the engine by mail; here it only gets its number, and its end is told. `join` and `leave` may be
    called from any thread; a user who left gets the reply that is under way, and at most one more.
    """

    exhausted = False

    def __init__(self, schedule: Schedule, kitchen: Kitchen, users: int, end_ns: int) -> None:
        self._schedule, self._kitchen, self._users, self._end_ns = schedule, kitchen, users, end_ns
        self._joined: deque[tuple[int, int]] = deque()
        self._left: deque[int] = deque()
        self._leaving: Counter[int] = Counter()
        self._turns = [itertools.count() for _ in range(users)]
        self._thinking: list[tuple[int, int, Planned]] = []

    def join(self, user: int) -> None:
        """A user comes; numbers beyond those of the schedule begin again at 0."""
        self._joined.append((user % self._users, time.monotonic_ns()))

    def number(self, user: int) -> tuple[int, int]:
        """The user's place among the users, and the index of what that one asks next; from any thread."""
        slot = user % self._users
        return slot, next(self._turns[slot]) * self._users + slot

    def leave(self, user: int) -> None:
        """A user goes."""
        self._left.append(user % self._users)

    def next_ns(self) -> int | None:
        """The turn of the user who has thought enough first."""
        if self._joined or self._left or self._leaving:
            self._come_and_go()
        return self._thinking[0][0] if self._thinking else None

    def _come_and_go(self) -> None:
        while self._joined:
            self._think(*self._joined.popleft())
        while self._left:
            self._leaving[self._left.popleft()] += 1
        while self._leaving and self._thinking and self._goes(self._thinking[0][2].user or 0):
            heapq.heappop(self._thinking)

    def take(self) -> Order:
        """That turn."""
        due_ns, _, planned = heapq.heappop(self._thinking)
        return self._kitchen.order(planned, due_ns, ripens=True)

    def ended(self, flight: Flight) -> None:
        """The user has the reply, and thinks."""
        order = flight.order
        if order.told is not None:
            order.told(flight)
        elif order.planned.user is not None:
            self._think(order.planned.user, flight.exchange.facts.end_ns or flight.begun_ns)

    def _think(self, user: int, from_ns: int) -> None:
        if self._leaving and self._goes(user):
            return
        planned = self._schedule.turn(user, next(self._turns[user]), self._users)
        due_ns = max(from_ns, self._kitchen.start_ns) + planned.think_ns
        if due_ns < self._end_ns:
            heapq.heappush(self._thinking, (due_ns, planned.index, planned))

    def _goes(self, user: int) -> bool:
        if not self._leaving.get(user):
            return False
        self._leaving[user] -= 1
        self._leaving = +self._leaving
        return True

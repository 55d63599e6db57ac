"""A request on its way through the engine: what is ordered, what is known, whether it is tried again."""

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from bench.drive.connection import Connection
from bench.protocol import Ask, Exchange
from bench.scenario import Retry, Timeouts

NS_PER_S = 1_000_000_000

GOOD = frozenset({"ok", "degraded"})
"""Outcomes with an answer, if with a blemish."""

PAUSE_S = 5.0
"""Before another try, where the server does not say how long; as the gateway's own SDK has it."""

LEAST_PAUSE_S = 0.1
JITTER = 0.25
"""A pause is shortened by up to this share, so that those refused together do not come back together."""


class Order(Struct, eq=False):
    """A rendered request and the monotonic instant it is due.

    Where requests differ in their texts alone `ask` has those of another of them, of the same lengths: `wire`
    has its own. `planned` is its place in the schedule, `shared` what its record has in common with others,
    and `told`, who hears of its end; all three are the caller's. A further try has the flight before it as
    `previous`, and is rendered anew by `render(order, attempt)`. One that `ripens` is of no account before
    it is due: its user may never come to ask.
    """

    due_ns: int
    ask: Ask
    wire: bytes
    planned: Any = None
    shared: Any = None
    told: "Callable[[Flight], None] | None" = None
    render: "Callable[[Order, int], bytes] | None" = None
    previous: "Flight | None" = None
    ripens: bool = False


class Flight(Struct, eq=False):
    """An order on its way, and all that is known of it; instants are monotonic.

    Before `alarm_ns` no time-out can be due.
    """

    order: Order
    exchange: Exchange
    begun_ns: int
    alarm_ns: int = 0
    connection: Connection | None = None
    handed_ns: int | None = None
    sent_ns: int | None = None
    kernel_stamps: bool = True
    read_lag_max_ns: int | None = None
    noted: bool = False
    """Whether the journal has heard that it was sent."""

    def tries(self) -> "list[Flight]":
        """Every try of this request, the first one first."""
        if self.order.previous is None:
            return [self]
        return [*self.order.previous.tries(), self]

    def deadline(self, timeouts: Timeouts) -> tuple[int, str]:
        """The next instant at which to give up, and why."""
        facts = self.exchange.facts
        if self.handed_ns is None:
            return self.begun_ns + int(timeouts.connect_s * NS_PER_S), "connect_timeout"
        overall = self.handed_ns + int(timeouts.overall_s * NS_PER_S), "overall_timeout"
        if facts.last_token_ns is not None:
            return min(overall, (facts.last_token_ns + int(timeouts.token_s * NS_PER_S), "token_timeout"))
        if self.order.ask.stream or facts.headers_ns is None:
            return min(
                overall, (self.handed_ns + int(timeouts.first_byte_s * NS_PER_S), "first_byte_timeout")
            )
        return overall


class Journal(Protocol):
    """Hears what happens, on the engine's thread."""

    def sent(self, flight: Flight) -> None:
        """The request was handed to its socket, and had not ended by the next tick."""

    def ended(self, flight: Flight) -> None:
        """The outcome is settled."""

    def tick(self, now_ns: int) -> None:
        """Time passes."""


def again(flight: Flight, retry: Retry, chance: float) -> Order | None:
    """The order for another try, or None where the outcome stands.

    Only a refusal for lack of capacity is tried again, never once a reply has begun to produce. `chance` is
    a random number in [0, 1) for the jitter.
    """
    facts = flight.exchange.facts
    if retry.policy == "never" or facts.outcome != "refused" or facts.event_ns:
        return None
    tries = flight.tries()
    first_ns = tries[0].handed_ns
    if first_ns is None or facts.end_ns is None or flight.order.render is None:
        return None
    asked_s = PAUSE_S if facts.retry_after_s is None else facts.retry_after_s
    pause_s = max(LEAST_PAUSE_S, min(asked_s, retry.cap_s) * (1 - JITTER * chance))
    due_ns = facts.end_ns + int(pause_s * NS_PER_S)
    if due_ns - first_ns > retry.budget_s * NS_PER_S:
        return None
    wire = flight.order.render(flight.order, len(tries) + 1)
    return replace(flight.order, due_ns=due_ns, wire=wire, previous=flight, ripens=False)

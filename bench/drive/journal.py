"""From flights to records: the log on disk, and what Locust is told."""

from array import array
from dataclasses import dataclass, field
from typing import Any

from bench.drive.bulletin import Bulletin
from bench.drive.control import hidden
from bench.drive.flight import GOOD, Flight
from bench.protocol import Facts
from bench.record import Attempt, LogWriter
from bench.scenario import Traffic
from bench.workload import Planned, once_a_class, shape_of

_OfClass = tuple[tuple[str, str, bool, str, str | None], int | None, int, int]


@once_a_class
def _of_class(traffic: Traffic) -> _OfClass:
    """What every record of a class says; results due; tokens of a query, and texts beside it."""
    shape = shape_of(traffic)
    said = traffic.name, traffic.operation, shape.stream, traffic.model, traffic.pool
    return said, shape.items, shape.query_tokens, shape.texts


@dataclass
class LoggedJournal:
    """Writes every flight to the worker's log, on the engine's thread; counts for the progress line."""

    log: LogWriter
    start_ns: int
    worker: int
    keys: tuple[str, ...] = ()
    """Credentials, which the server's words may repeat and no record holds."""
    bulletin: Bulletin = field(default_factory=Bulletin)
    sent_count: int = 0
    errors: int = 0

    def sent(self, flight: Flight) -> None:
        """Log that the request is on its way; a further try of it is no news.

        Nothing is lost with one that ended sooner: entries reach the disk together.
        """
        order, start_ns = flight.order, self.start_ns
        if order.previous is not None:
            return
        planned: Planned = order.planned
        self.sent_count += 1
        known = _known(planned) if order.told else None
        self.log.sent(planned.index, order.due_ns - start_ns, (flight.handed_ns or 0) - start_ns, known)

    def ended(self, flight: Flight) -> None:
        """Log the Record."""
        order, facts, start_ns = flight.order, flight.exchange.facts, self.start_ns
        if self.keys:
            _hide(facts, self.keys)
        if not flight.noted and order.previous is None and flight.handed_ns is not None:
            self.sent_count += 1
        outcome = facts.outcome
        if outcome != "ok":
            if outcome is None:
                facts.outcome = outcome = "failed"
            if outcome == "unfinished" or outcome == "not_sent":
                facts.end_ns = None
            self.errors += outcome not in GOOD and outcome != "not_sent"
        instants = chars = b""
        if facts.event_ns:
            instants = array("q", [instant - start_ns for instant in facts.event_ns]).tobytes()
            chars = facts.event_chars.tobytes()
        due_ns = order.due_ns if order.previous is None else flight.scheduled_ns()
        asked, lane = self._asked(flight, due_ns - start_ns, outcome)
        self.log.ended_parts(asked, lane, facts, start_ns, instants, chars)
        self.bulletin.add(order.planned, due_ns, facts)

    def tick(self, now_ns: int) -> None:
        """Flush the log when it is time."""
        self.log.tick(now_ns - self.start_ns)

    def _asked(
        self, flight: Flight, scheduled_ns: int, outcome: str
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The values of ASKED, and those of LANE."""
        order, handed_ns, sent_ns = flight.order, flight.handed_ns, flight.sent_ns
        planned: Planned = order.planned
        lane, items, query_tokens, texts = _of_class(planned.traffic)
        user = planned.user
        if order.told is None:
            in_tokens: int | None = query_tokens + planned.item_tokens * texts
            conversation, turn = (None, None) if user is None else (planned.index, 0)
        else:  # a task says it with each request
            name, operation, _, model, pool = lane
            lane = name, operation, planned.stream, model, pool
            items, in_tokens = planned.items, planned.in_tokens
            conversation, turn = planned.conversation, planned.turn
        first_ns, count = handed_ns, 0 if outcome == "not_sent" else 1
        attempts: tuple[Attempt, ...] = ()
        if order.previous is not None:
            tries = flight.tries()
            first_ns, attempts = tries[0].handed_ns, tuple(map(self._attempt, tries))
            count = len(tries) if count else 0
        asked = (
            planned.index,
            planned.profile,
            user,
            conversation,
            turn,
            self.worker,
            scheduled_ns,
            first_ns,
            handed_ns,
            handed_ns if sent_ns is None else sent_ns,
            "kernel" if sent_ns and flight.kernel_stamps else "read",
            flight.read_lag_max_ns,
            len(flight.exchange.facts.event_ns),
            count,
            attempts,
            in_tokens,
            planned.out_tokens,
            items,
            len(order.wire),
        )
        return asked, lane

    def _attempt(self, flight: Flight) -> Attempt:
        facts = flight.exchange.facts
        return Attempt(
            sent_ns=(flight.sent_ns or flight.handed_ns or flight.begun_ns) - self.start_ns,
            end_ns=(facts.end_ns or flight.begun_ns) - self.start_ns,
            status=facts.status,
            code=facts.error_code,
            retry_after_s=facts.retry_after_s,
        )


def _known(planned: Planned) -> dict[str, Any]:
    """What a schedule would hold of it."""
    traffic = planned.traffic
    return {
        "index": planned.index,
        "traffic_class": traffic.name,
        "operation": traffic.operation,
        "stream": planned.stream,
        "model": traffic.model,
        "pool": traffic.pool,
        "profile": planned.profile,
        "user": planned.user,
        "conversation": planned.conversation,
        "turn": planned.turn,
        "asked_in_tokens": planned.in_tokens,
        "asked_out_tokens": planned.out_tokens,
        "items_asked": planned.items,
    }


def _hide(facts: Facts, keys: tuple[str, ...]) -> None:
    for name in _WORDS:
        said = getattr(facts, name)
        if said is not None and any(key in said for key in keys):
            setattr(facts, name, hidden(said, keys))


_WORDS = ("error_code", "error_message", "finish_reason", "request_id", "attempt_id")
"""What a reply says in the server's own words."""


@dataclass(slots=True)
class KeptJournal:
    """Keeps flights in memory: for preflight, which is no part of the run."""

    ended_flights: list[Flight] = field(default_factory=list)

    def sent(self, flight: Flight) -> None:
        """Nothing to note."""

    def ended(self, flight: Flight) -> None:
        """Keep it."""
        self.ended_flights.append(flight)

    def tick(self, now_ns: int) -> None:
        """Nothing to turn."""

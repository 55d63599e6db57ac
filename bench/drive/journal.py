"""From flights to records: the log on disk, and what Locust is told."""

from array import array
from dataclasses import dataclass, field
from typing import Any

from bench.drive.bulletin import Bulletin
from bench.drive.control import hidden
from bench.drive.flight import GOOD, Flight, Order
from bench.protocol import Facts
from bench.record import SHARED, Attempt, LogWriter
from bench.workload import Planned


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
        known = _known(order) if order.told else None
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
        due_ns = order.due_ns if order.previous is None else flight.tries()[0].order.due_ns
        asked = self._asked(flight, due_ns - start_ns, outcome)
        self.log.ended_parts(asked, order.shared, facts, start_ns, instants, chars)
        self.bulletin.add(order.shared, due_ns, facts)

    def tick(self, now_ns: int) -> None:
        """Flush the log when it is time."""
        self.log.tick(now_ns - self.start_ns)

    def _asked(self, flight: Flight, scheduled_ns: int, outcome: str) -> tuple[Any, ...]:
        """The values of ASKED."""
        order, handed_ns, sent_ns = flight.order, flight.handed_ns, flight.sent_ns
        planned: Planned = order.planned
        first_ns, count = handed_ns, 0 if outcome == "not_sent" else 1
        attempts: tuple[Attempt, ...] = ()
        if order.previous is not None:
            tries = flight.tries()
            first_ns, attempts = tries[0].handed_ns, tuple(map(self._attempt, tries))
            count = len(tries) if count else 0
        user = planned.user
        if order.told is None:
            conversation, turn = (None, None) if user is None else (planned.index, 0)
        else:  # a task may go on with a talk
            conversation, turn = planned.conversation, planned.turn
        return (
            planned.index,
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
            count,
            attempts,
            len(order.wire),
        )

    def _attempt(self, flight: Flight) -> Attempt:
        facts = flight.exchange.facts
        return Attempt(
            sent_ns=(flight.sent_ns or flight.handed_ns or flight.begun_ns) - self.start_ns,
            end_ns=(facts.end_ns or flight.begun_ns) - self.start_ns,
            status=facts.status,
            code=facts.error_code,
            retry_after_s=facts.retry_after_s,
        )


def _known(order: Order) -> dict[str, Any]:
    """What a schedule would hold of it."""
    planned: Planned = order.planned
    return {
        **dict(zip(SHARED, order.shared, strict=True)),
        "index": planned.index,
        "user": planned.user,
        "conversation": planned.conversation,
        "turn": planned.turn,
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

"""From flights to records: the log on disk, and what Locust is told."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from bench.drive.bulletin import Bulletin
from bench.drive.control import hidden
from bench.drive.flight import Flight
from bench.protocol import Facts
from bench.record import Attempt, LogWriter
from bench.scenario import Traffic
from bench.workload import Planned, once_a_class, shape_of

GOOD = frozenset({"ok", "degraded"})


class Tag(Struct, eq=False):
    """What an order is for: its place in the schedule, in ns from the start."""

    planned: Planned
    scheduled_ns: int
    told: Callable[[Flight], None] | None = None
    """Hears of the end: whoever asked for a request that stands in no schedule."""


_NO_TOKENS = None, None, None


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
        """Log that the request is on its way; a further try of it is no news."""
        if flight.order.previous is not None:
            return
        tag: Tag = flight.order.tag
        self.sent_count += 1
        known = _known(tag.planned) if tag.told else None
        self.log.sent(tag.planned.index, tag.scheduled_ns, (flight.handed_ns or 0) - self.start_ns, known)

    def ended(self, flight: Flight) -> None:
        """Log the Record."""
        tag: Tag = flight.order.tag
        facts = flight.exchange.facts
        if self.keys:
            _hide(facts, self.keys)
        instants = chars = b""
        if facts.event_ns:
            start_ns = self.start_ns
            instants = array("q", [instant - start_ns for instant in facts.event_ns]).tobytes()
            chars = facts.event_chars.tobytes()
        self.log.ended_row(self._row(flight, tag), instants, chars)
        outcome = facts.outcome
        if outcome != "ok":
            self.errors += outcome not in GOOD and outcome != "not_sent"
        self.bulletin.add(tag.planned, tag.scheduled_ns + self.start_ns, facts)

    def tick(self, now_ns: int) -> None:
        """Flush the log when it is time."""
        self.log.tick(now_ns - self.start_ns)

    def _row(self, flight: Flight, tag: Tag) -> tuple[Any, ...]:
        """The values of a Record, in the order of FIELDS: making one costs more than sending its request."""
        planned, facts, start_ns = tag.planned, flight.exchange.facts, self.start_ns
        handed_ns, outcome = flight.handed_ns, facts.outcome
        said, items, query_tokens, texts = _of_class(planned.traffic)
        in_tokens: int | None = query_tokens + planned.item_tokens * texts
        if tag.told is not None:  # a task says it with each request
            name, operation, _, model, pool = said
            said = name, operation, planned.stream, model, pool
            items, in_tokens = planned.items, planned.in_tokens
        tries = None if flight.order.previous is None else flight.tries()
        handed_ns = None if handed_ns is None else handed_ns - start_ns
        sent_ns, headers_ns, end_ns = flight.sent_ns, facts.headers_ns, facts.end_ns
        censored = end_ns is None or outcome == "unfinished" or outcome == "not_sent"
        return (
            planned.index,
            *said,
            planned.profile,
            planned.user,
            planned.conversation,
            planned.turn,
            self.worker,
            tag.scheduled_ns,
            self._since(tries[0].handed_ns) if tries else handed_ns,
            handed_ns,
            handed_ns if sent_ns is None else sent_ns - start_ns,
            None if headers_ns is None else headers_ns - start_ns,
            *(self._tokens(facts) if facts.event_ns else _NO_TOKENS),
            None if censored else self._since(end_ns),
            "kernel" if sent_ns and flight.kernel_stamps else "read",
            flight.read_lag_max_ns,
            len(facts.event_ns),
            facts.merged_events,
            outcome or "failed",
            facts.reason,
            facts.status,
            facts.error_code,
            facts.finish_reason,
            0 if outcome == "not_sent" else len(tries) if tries else 1,
            tuple(map(self._attempt, tries)) if tries else (),
            in_tokens,
            planned.out_tokens,
            facts.in_tokens,
            facts.out_tokens,
            facts.tokens_source,
            items,
            facts.items_returned,
            len(flight.order.wire),
            facts.response_bytes,
            facts.server_ttft_ms,
            facts.server_tpot_ms,
            facts.server_queue_ms,
            facts.server_inference_ms,
            facts.request_id,
            facts.attempt_id,
        )

    def _tokens(self, facts: Facts) -> tuple[int | None, int | None, int | None]:
        since = self._since
        return since(facts.first_token_ns), since(facts.first_visible_ns), since(facts.last_token_ns)

    def _attempt(self, flight: Flight) -> Attempt:
        facts = flight.exchange.facts
        return Attempt(
            sent_ns=(flight.sent_ns or flight.handed_ns or flight.begun_ns) - self.start_ns,
            end_ns=(facts.end_ns or flight.begun_ns) - self.start_ns,
            status=facts.status,
            code=facts.error_code,
            retry_after_s=facts.retry_after_s,
        )

    def _since(self, instant_ns: int | None) -> int | None:
        return None if instant_ns is None else instant_ns - self.start_ns


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

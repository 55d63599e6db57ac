"""From flights to records: the log on disk, and the queue back to Locust."""

from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bench.drive.flight import Flight
from bench.record import Attempt, LogWriter, Record
from bench.workload import Planned


@dataclass(frozen=True, slots=True)
class Tag:
    """What an order is for: its place in the schedule, and whoever waits for it."""

    planned: Planned
    scheduled_ns: int
    waiter: Any = None


@dataclass(slots=True)
class Finished:
    """A record on its way to Locust."""

    record: Record
    waiter: Any


@dataclass
class LoggedJournal:
    """Writes every flight to the worker's log, on the engine's thread; counts for the progress line."""

    log: LogWriter
    start_ns: int
    worker: int
    notify: Any = None
    finished: "deque[Finished]" = field(default_factory=deque)
    sent_count: int = 0
    ended_count: int = 0
    errors: int = 0

    def sent(self, flight: Flight) -> None:
        """Log that the request is on its way; a further try of it is no news."""
        tag: Tag = flight.order.tag
        if flight.order.previous is not None:
            return
        self.sent_count += 1
        self.log.sent(tag.planned.index, tag.scheduled_ns, (flight.handed_ns or 0) - self.start_ns)

    def ended(self, flight: Flight) -> None:
        """Log the Record."""
        tag: Tag = flight.order.tag
        record = self._record(flight, tag)
        facts = flight.exchange.facts
        instants = array("q", [instant - self.start_ns for instant in facts.event_ns])
        self.log.ended(record, instants, facts.event_chars)
        self.ended_count += 1
        self.errors += record.outcome not in {"ok", "degraded", "not_sent"}
        self.finished.append(Finished(record, tag.waiter))
        if self.notify:
            self.notify()

    def tick(self, now_ns: int) -> None:
        """Flush the log when it is time."""
        self.log.tick(now_ns - self.start_ns)

    def _record(self, flight: Flight, tag: Tag) -> Record:
        planned, facts = tag.planned, flight.exchange.facts
        tries = flight.tries()
        traffic = planned.traffic
        return Record(
            index=planned.index,
            traffic_class=traffic.name,
            operation=traffic.operation,
            stream=planned.stream,
            model=traffic.model,
            pool=traffic.pool,
            profile=planned.profile,
            user=planned.user,
            conversation=None if planned.user is None else planned.index,
            turn=None if planned.user is None else 0,
            worker=self.worker,
            scheduled_ns=tag.scheduled_ns,
            first_sent_ns=self._since(tries[0].handed_ns),
            handed_ns=self._since(flight.handed_ns),
            sent_ns=self._since(flight.sent_ns or flight.handed_ns),
            headers_ns=self._since(facts.headers_ns),
            first_token_ns=self._since(facts.first_token_ns),
            first_visible_ns=self._since(facts.first_visible_ns),
            last_token_ns=self._since(facts.last_token_ns),
            end_ns=None if facts.outcome in {"unfinished", "not_sent"} else self._since(facts.end_ns),
            stamp_source="kernel" if flight.kernel_stamps and flight.sent_ns else "read",
            read_lag_max_ns=flight.read_lag_max_ns,
            events=len(facts.event_ns),
            merged_events=facts.merged_events,
            outcome=facts.outcome or "failed",
            reason=facts.reason,
            status=facts.status,
            error_code=facts.error_code,
            finish_reason=facts.finish_reason,
            attempts=0 if facts.outcome == "not_sent" else len(tries),
            attempt_log=tuple(map(self._attempt, tries)) if len(tries) > 1 else (),
            asked_in_tokens=planned.in_tokens,
            asked_out_tokens=planned.out_tokens,
            in_tokens=facts.in_tokens,
            out_tokens=facts.out_tokens,
            tokens_source=facts.tokens_source,
            items_asked=planned.items,
            items_returned=facts.items_returned,
            request_bytes=len(flight.order.wire),
            response_bytes=facts.response_bytes,
            server_ttft_ms=facts.server_ttft_ms,
            server_tpot_ms=facts.server_tpot_ms,
            server_queue_ms=facts.server_queue_ms,
            server_inference_ms=facts.server_inference_ms,
            request_id=facts.request_id,
            attempt_id=facts.attempt_id,
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

    def _since(self, instant_ns: int | None) -> int | None:
        return None if instant_ns is None else instant_ns - self.start_ns


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

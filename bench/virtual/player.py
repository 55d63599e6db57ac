"""A schedule through a fleet in virtual time: what a run would have recorded, without sockets or a clock.

Pure and deterministic: equal scenarios and setups give equal records.  An instant in time is a number; the
client sends when a request is due, needs no time for itself, and the network none either.
"""

import heapq
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

from bench.record import Ended, Record
from bench.scenario import Retry, Scenario
from bench.sim.model import FIRST_CHUNK, Chunk, Event, Finished, ItemsDone, Lost, Verdict
from bench.virtual.answers import TOO_MANY_TOKENS, Answer, faulty, impatient, late, lost, refusal, unfinished
from bench.virtual.census import Census
from bench.virtual.flight import NS_PER_S, Flight
from bench.virtual.setup import Setup
from bench.virtual.work import Works, route_of, routing_key
from bench.workload import Planned, Schedule

_PAUSE_S, _LEAST_PAUSE_S, _JITTER = 5.0, 0.1, 0.25
"""Between tries, as the drive has it: without advice, at least, and the share that chance may take off."""


class Log(Protocol):
    """Hears of each request, in the order of time; `record.LogWriter` is one."""

    def sent(self, index: int, scheduled_ns: int, handed_ns: int) -> None:
        """A request is on its way."""

    def ended(self, record: Record, event_ns: "array[int]", event_chars: "array[int]") -> None:
        """What became of it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A log in memory."""

    entries: list[Ended] = field(default_factory=list)

    def sent(self, index: int, scheduled_ns: int, handed_ns: int) -> None:
        """Nothing to keep."""

    def ended(self, record: Record, event_ns: "array[int]", event_chars: "array[int]") -> None:
        """Keep it."""
        self.entries.append(Ended(record, event_ns, event_chars))


@dataclass(frozen=True, slots=True)
class Played:
    """Facts of a run in virtual time: when it was over, and who was alive when."""

    ended_ns: int
    census: Census


def simulate(schedule: Schedule, setup: Setup) -> list[Ended]:
    """Every record of a run, in the order in which the requests ended. Raises VirtualError."""
    kept = Kept()
    play(schedule, setup, kept)
    return kept.entries


def play(
    schedule: Schedule, setup: Setup, log: Log, tick: Callable[[int, int], None] | None = None
) -> Played:
    """Replay a schedule; `tick(now_ns, ended)` is called now and then. Raises VirtualError.

    It lasts until all replies are there or the drain limit has passed, but at least the scenario's duration.
    """
    return _Play(schedule, setup, log, tick).run()


_Action = Callable[[int], None]


class _Play:
    def __init__(
        self, schedule: Schedule, setup: Setup, log: Log, tick: Callable[[int, int], None] | None
    ) -> None:
        self._schedule, self._setup, self._log, self._tick = schedule, setup, log, tick
        self._scenario: Scenario = schedule.scenario
        self._works = Works(self._scenario, setup)
        self._fleet = setup.fleet()
        self._census = Census(self._scenario, setup)
        self._flights: dict[int, Flight] = {}
        self._agenda: list[tuple[int, int, _Action]] = []
        self._order, self._jobs = count(), count()
        self._open = 0
        """Requests that are in flight or will be tried again, and users who think."""
        self._ended = 0
        self._drained = False
        self._waiting: dict[int, tuple[Flight, Answer, int]] = {}
        self._chance = Random(0)
        self._end_ns = round(self._scenario.duration_s * NS_PER_S)

    # --- the course of time --------------------------------------------------------------------------------

    def run(self) -> Played:
        """All of it."""
        if self._schedule.is_open:
            self._arrivals = self._schedule.part(0, 1)
            self._await_arrival(0)
        else:
            self._turns = [count() for _ in range(self._users)]
            for user in range(self._users):
                self._think(0, user)
            self._at(self._end_ns + self._drain_ns, self._drain)
        now_ns = 0
        while self._open and self._agenda:
            now_ns = self._next()
        over_ns = max(now_ns, self._end_ns)
        self._hear(self._fleet.advance(over_ns))
        return Played(over_ns, self._census)

    def _next(self) -> int:
        """Go on to the next instant at which somebody decides something; that instant."""
        due_ns = self._agenda[0][0]
        if not self._schedule.is_open:
            # A reply may bring a turn that is due before that.
            step_ns = self._fleet.next_ns()
            while step_ns is not None and step_ns <= self._agenda[0][0]:
                self._hear(self._fleet.advance(step_ns))
                step_ns = self._fleet.next_ns()
            due_ns = self._agenda[0][0]
        self._hear(self._fleet.advance(due_ns))
        due_ns, _, action = heapq.heappop(self._agenda)
        action(due_ns)
        return due_ns

    def _at(self, due_ns: int, action: _Action) -> None:
        heapq.heappush(self._agenda, (due_ns, next(self._order), action))

    # --- who asks ------------------------------------------------------------------------------------------

    @property
    def _users(self) -> int:
        return self._scenario.closed_loop.users if self._scenario.closed_loop else 0

    @property
    def _drain_ns(self) -> int:
        return round(self._scenario.drain_s * NS_PER_S)

    def _await_arrival(self, now_ns: int) -> None:
        planned = next(self._arrivals, None)
        if planned is None:
            self._at(now_ns + self._drain_ns, self._drain)
            return
        self._open += 1

        def arrive(due_ns: int) -> None:
            self._await_arrival(due_ns)
            self._send(due_ns, planned)

        self._at(planned.due_ns or 0, arrive)

    def _think(self, from_ns: int, user: int) -> None:
        planned = self._schedule.turn(user, next(self._turns[user]), self._users)
        due_ns = from_ns + planned.think_ns
        if due_ns < self._end_ns:
            self._open += 1
            self._at(due_ns, lambda now_ns: self._send(now_ns, planned))

    def _send(self, now_ns: int, planned: Planned) -> None:
        job = self._works.job(next(self._jobs), planned)
        flight = Flight(planned, now_ns, route_of(planned.traffic), job, now_ns, now_ns)
        self._log.sent(planned.index, now_ns, now_ns)
        self._try(now_ns, flight)

    def _try(self, now_ns: int, flight: Flight) -> None:
        code = self._works.fault(flight.planned, flight.job)
        # OpenAI's routes look at the lane last, that of generate first.
        early = code == TOO_MANY_TOKENS and flight.planned.traffic.operation != "generate"
        verdict = Verdict.LIVE if early else self._fleet.demand(now_ns, flight.job.lane)
        if verdict is Verdict.LIVE and code:
            self._end(flight, faulty(code, flight.route), now_ns)
            return
        if verdict is Verdict.LIVE:
            verdict = self._fleet.submit(now_ns, flight.job)
        if verdict is Verdict.LIVE:
            self._flights[flight.job.id] = flight
            self._watch(flight)
        else:
            self._refuse(now_ns, flight, refusal(self._setup.dialect, verdict, flight.route))

    # --- what is heard of them -----------------------------------------------------------------------------

    def _hear(self, events: list[Event]) -> None:
        flights = self._flights
        for event in events:
            if isinstance(event, Chunk):
                flight = flights.get(event.job_id)
                if flight is not None:
                    flight.chunk(event.at_ns, event.tokens)
            elif isinstance(event, Finished | ItemsDone):
                self._finish(event)
            elif isinstance(event, Lost):
                flight = flights.pop(event.job_id, None)
                if flight is not None:
                    answer = lost(self._setup.dialect, flight.route, begun=flight.begun)
                    self._end(flight, answer, event.at_ns)
            else:
                self._census.hear(event)

    def _finish(self, event: Finished | ItemsDone) -> None:
        flight = self._flights.pop(event.job_id, None)
        if flight is None:
            return
        if isinstance(event, Finished):
            flight.chunk(event.at_ns, event.tokens)
        self._settle(flight, flight.finished(event, self._setup.dialect), event.at_ns)

    def _watch(self, flight: Flight) -> None:
        """Look when somebody may run out of patience, and early enough for what progress may set."""
        limits, timeouts, number = self._setup.limits, self._scenario.timeouts, flight.job.id

        def look(now_ns: int) -> None:
            if self._flights.get(number) is not flight:
                return
            due_ns, what, by_client = flight.alarm(limits, timeouts)
            if due_ns > now_ns:
                self._at(min(due_ns, now_ns + flight.shortest_ns(limits, timeouts)), look)
            elif by_client:
                self._give_up(now_ns, flight)
                self._end(flight, impatient(what, flight.route), now_ns)
            else:
                self._expire(now_ns, flight, what)

        look(flight.heard_ns)

    def _expire(self, now_ns: int, flight: Flight, limit: str) -> None:
        """The gateway waited in vain; work for one chosen worker it gives to all of the pool, once."""
        self._give_up(now_ns, flight)
        if limit == FIRST_CHUNK and not flight.republished and _is_chosen(flight):
            flight.republished, flight.heard_ns = True, now_ns
            flight.job = self._works.anybody(next(self._jobs), flight.job)
            if self._fleet.submit(now_ns, flight.job) is Verdict.LIVE:
                self._flights[flight.job.id] = flight
                self._watch(flight)
                return
        answer = late(self._setup.dialect, limit, flight.route)
        self._refuse(now_ns, flight, answer)

    def _give_up(self, now_ns: int, flight: Flight) -> None:
        del self._flights[flight.job.id]
        self._fleet.cancel(now_ns, flight.job.id)

    # --- what becomes of them ------------------------------------------------------------------------------

    def _refuse(self, now_ns: int, flight: Flight, answer: Answer) -> None:
        """Try again, if the scenario wants that and there is time for it."""
        due_ns = self._again_ns(now_ns, flight, answer)
        if due_ns is None:
            self._end(flight, answer, now_ns)
            return
        number = flight.job.id
        self._waiting[number] = flight, answer, now_ns

        def again(then_ns: int) -> None:
            if self._waiting.pop(number, None) is None:
                return
            flight.tries.append(flight.refused(now_ns, answer))
            flight.job = self._works.job(next(self._jobs), flight.planned)
            flight.sent_ns = flight.heard_ns = then_ns
            flight.begun = flight.republished = False
            self._try(then_ns, flight)

        self._at(due_ns, again)

    def _again_ns(self, now_ns: int, flight: Flight, answer: Answer) -> int | None:
        retry: Retry = self._scenario.retry
        if retry.policy == "never" or answer.outcome != "refused" or self._drained:
            return None
        asked_s = _PAUSE_S if answer.retry_after_s is None else answer.retry_after_s
        pause_s = max(_LEAST_PAUSE_S, min(asked_s, retry.cap_s) * (1 - _JITTER * self._chance.random()))
        due_ns = now_ns + int(pause_s * NS_PER_S)
        return due_ns if due_ns - flight.first_sent_ns <= retry.budget_s * NS_PER_S else None

    def _end(self, flight: Flight, answer: Answer, at_ns: int) -> None:
        ends = None if answer.outcome == "unfinished" else at_ns
        self._settle(flight, flight.record(answer, ends), at_ns)

    def _settle(self, flight: Flight, record: Record, at_ns: int) -> None:
        self._log.ended(record, flight.event_ns, flight.event_chars)
        self._open -= 1
        self._ended += 1
        if self._tick:
            self._tick(at_ns, self._ended)
        if flight.planned.user is not None and not self._drained:
            self._think(at_ns, flight.planned.user)

    def _drain(self, now_ns: int) -> None:
        """What is still open now stays so; what waits for another try keeps the answer of its last."""
        self._drained = True
        for flight, answer, at_ns in tuple(self._waiting.values()):
            self._end(flight, answer, at_ns)
        self._waiting.clear()
        for flight in tuple(self._flights.values()):
            self._give_up(now_ns, flight)
            self._end(flight, unfinished(flight.route), now_ns)


def _is_chosen(flight: Flight) -> bool:
    """Whether the gateway gave it to one chosen worker."""
    return flight.route.generates and bool(routing_key(flight.planned))

"""One worker's part of one run: schedule in, engine in the middle, log and Locust's statistics out."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import numpy as np
from gevent.event import Event
from locust.env import Environment

from bench.drive.bulletin import Bulletin
from bench.drive.desk import Desk
from bench.drive.engine import Engine
from bench.drive.flight import NS_PER_S
from bench.drive.given import Names
from bench.drive.journal import LoggedJournal
from bench.drive.supply import ClosedSupply, Kitchen, OpenSupply
from bench.drive.surroundings import Surroundings
from bench.protocol import Endpoint
from bench.record import Clock, LogWriter, RunFolder
from bench.scenario import Scenario
from bench.workload import Schedule, Texts

LEAD_NS = NS_PER_S // 2
"""From now to the agreed start: time to render the first requests."""

SWITCH_S = 0.0001
"""So long Locust's thread may keep the engine from running Python."""

POST_EVERY_S = 0.1

MOST_OPENED = 512
"""Connections opened before the start of an open loop, at most; later ones are opened as they are needed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is fixed before the start."""

    folder: RunFolder
    run_id: str
    scenario: Scenario
    schedule: Schedule
    texts: Texts
    endpoint: Endpoint
    has_health: bool = False
    """Whether the target is a gateway, which tells of its workers."""


class Session:
    """Sends a plan's requests on behalf of Locust's users, and accounts for each."""

    def __init__(self, plan: Plan, environment: Environment, worker: int = 0, workers: int = 1) -> None:
        self.plan = plan
        self._environment = environment
        self._log = LogWriter(plan.folder.log_file(worker))
        keys = (plan.endpoint.api_key,) if plan.endpoint.api_key else ()
        self._journal = LoggedJournal(self._log, 0, worker, keys)
        scenario = plan.scenario
        self._engine = Engine(plan.endpoint, scenario.timeouts, self._journal, scenario.retry, worker)
        self._engine.pool.fill(_connections(plan, workers), plan.scenario.timeouts.connect_s)
        self._worker, self._workers = worker, workers
        self.desk: Desk | None = None
        """Where tasks of a locustfile ask for more than the schedule holds."""
        self._surroundings = Surroundings()
        self._stopping = False
        self._closed = False
        self.rest = Event()
        self._thread: Any = None
        self._bridge: Any = None

    # --- life ----------------------------------------------------------------------------------------------

    def agree(self, start_ns: int | None = None) -> None:
        """Fix the monotonic instant of the start; half a second from now where none is named."""
        self.start_ns = self._journal.start_ns = start_ns or time.monotonic_ns() + LEAD_NS
        plan = self.plan
        estimate_tokens = plan.scenario.target.estimate_tokens
        kitchen = Kitchen(
            plan.run_id, plan.texts, plan.endpoint, self.start_ns, estimate_tokens=estimate_tokens
        )
        self._supply = _supply(plan, kitchen, self._worker, self._workers)
        self._engine.serve(self._supply)

    def start(self) -> None:
        """Start the engine thread, and the greenlet that tells Locust of its results."""
        sys.setswitchinterval(SWITCH_S)
        self._surroundings.start()
        self._thread = gevent.get_hub().threadpool.spawn(self._turn)
        self._bridge = gevent.spawn(self._tell)

    def open_desk(self, names: Names) -> None:
        """Closed loop: tasks may ask under such names."""
        if isinstance(self._supply, ClosedSupply):
            plan, submit, number = self.plan, self._engine.submit, self._supply.number
            self.desk = Desk(names, plan.run_id, plan.endpoint, self.start_ns, submit, number)

    @property
    def elapsed_s(self) -> float:
        """Since the agreed start; negative before it."""
        return (time.monotonic_ns() - self.start_ns) / NS_PER_S

    @property
    def in_flight(self) -> int:
        """Requests sent and not ended."""
        return self._engine.in_flight

    @property
    def bulletin(self) -> Bulletin:
        """What Locust is told."""
        return self._journal.bulletin

    @property
    def dead(self) -> bool:
        """Whether the engine ended by itself; `close` raises why."""
        return not self._closed and bool(self._thread.ready())

    def over(self) -> bool:
        """Whether everything was sent that will be; a dead engine sends nothing, and `close` raises why."""
        if self._thread.ready():
            return True
        if self._stopping or not self.plan.schedule.is_open:
            return self._stopping or self.elapsed_s >= self.plan.scenario.duration_s
        return self._supply.exhausted and self._engine.backlog == 0

    def stop_sending(self) -> None:
        """Send nothing more; replies are still waited for."""
        self._stopping = True
        if self.desk:
            self.desk.shut()
        if not self._closed:
            self._engine.stop_sending()

    def cancel(self) -> None:
        """End everything now."""
        self.stop_sending()
        if not self._closed:
            self._engine.end_flights("cancelled")

    def drain(self) -> None:
        """Wait for replies until the drain limit; what is still open then is unfinished."""
        limit_ns = time.monotonic_ns() + int(self.plan.scenario.drain_s * NS_PER_S)
        while self._engine.in_flight and time.monotonic_ns() < limit_ns:
            gevent.sleep(0.02)
        self._engine.end_flights("unfinished")

    def close(self) -> dict[str, Any]:
        """End the engine, flush the log; returns facts about ourselves."""
        self._closed = True
        self._engine.close()
        failure = self._thread.get()
        if failure:
            raise failure
        self._bridge.kill()
        self.rest.set()
        if self.desk:
            self.desk.close()
        self._journal.bulletin.post(self._environment)
        self._log.close(time.monotonic_ns() - self.start_ns)
        return {
            **self._engine.facts(),
            **self._surroundings.stop(),
            "ended_at_s": round(max(0.0, self.elapsed_s), 3),
            "stopped_early": self._stopping,
        }

    def _turn(self) -> OSError | None:
        """On the engine's thread; what the log's disk says against it, which is no bug of ours."""
        try:
            self._engine.run()
        except OSError as error:
            return error
        return None

    # --- what Locust's users call --------------------------------------------------------------------------

    def join(self, user: int) -> None:
        """Closed loop: a user comes."""
        if isinstance(self._supply, ClosedSupply) and not self._closed:
            self._supply.join(user)
            self._engine.wake()

    def leave(self, user: int) -> None:
        """Closed loop: a user goes."""
        if isinstance(self._supply, ClosedSupply) and not self._closed:
            self._supply.leave(user)

    # --- results back to Locust ----------------------------------------------------------------------------

    def _tell(self) -> None:
        while True:
            gevent.sleep(POST_EVERY_S)
            self._journal.bulletin.post(self._environment)
            if self.over():
                self.rest.set()
            if self.desk and self._thread.ready():
                self.desk.close()  # nobody is left to answer

    def progress(self) -> dict[str, Any]:
        """One line of progress. The median is Locust's, of two digits: for the eye, not for the record."""
        journal = self._journal
        open_loop = self.plan.schedule.is_open
        return {
            "elapsed_s": round(max(0.0, self.elapsed_s), 1),
            "duration_s": self.plan.scenario.duration_s,
            "scheduled": len(self.plan.schedule) if open_loop else None,
            "sent": journal.sent_count,
            "in_flight": self._engine.in_flight,
            "errors": journal.errors,
            "ttft_p50_ms": journal.bulletin.ttft_p50_ms(),
        }


def _supply(plan: Plan, kitchen: Kitchen, worker: int, workers: int) -> OpenSupply | ClosedSupply:
    loop = plan.scenario.closed_loop
    if loop is None:
        return OpenSupply(plan.schedule, kitchen, worker, workers)
    end_ns = kitchen.start_ns + int(plan.scenario.duration_s * NS_PER_S)
    return ClosedSupply(plan.schedule, kitchen, loop.users, end_ns)


def _connections(plan: Plan, workers: int) -> int:
    """How many to open: one a user; or the arrivals of the busiest second, which is a guess."""
    loop, due_ns = plan.scenario.closed_loop, plan.schedule.due_ns
    if loop is not None:
        return -(-loop.users // workers)
    if due_ns is None or not len(due_ns):
        return 0
    return min(-(-int(np.bincount(due_ns // NS_PER_S).max()) // workers), MOST_OPENED)


def clock_of(start_ns: int) -> Clock:
    """A monotonic instant on both clocks."""
    wall_ns = time.time_ns() + start_ns - time.monotonic_ns()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Clock(monotonic_ns=start_ns, wall_ns=wall_ns, boot_id=boot_id)

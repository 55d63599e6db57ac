"""One worker's part of one run: schedule in, engine in the middle, log and Locust's events out."""

import gc
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from locust.env import Environment
from locust.stats import RequestStats

from bench.drive.asking import ask_for, traceparent
from bench.drive.engine import Engine
from bench.drive.flight import NS_PER_S, Order
from bench.drive.journal import Finished, LoggedJournal, Tag
from bench.protocol import Endpoint, render
from bench.record import Clock, LogWriter, Record, RunFolder
from bench.scenario import Scenario
from bench.workload import Planned, Schedule, Texts

LEAD_NS = NS_PER_S // 2
"""From now to the agreed start: time to render the first requests."""

AHEAD_NS = 5 * NS_PER_S
AHEAD_ORDERS = 2000


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
        self._worker, self._workers = worker, workers
        self.start_ns = time.monotonic_ns() + LEAD_NS
        wall_ns = time.time_ns() + self.start_ns - time.monotonic_ns()
        self.clock = Clock(monotonic_ns=self.start_ns, wall_ns=wall_ns, boot_id=_boot_id())
        self._log = LogWriter(plan.folder.log_file(worker))
        self._journal = LoggedJournal(self._log, self.start_ns, worker)
        self._engine = Engine(plan.endpoint, plan.scenario.timeouts, self._journal, plan.scenario.retry)
        self._watcher = gevent.get_hub().loop.async_()
        self._woken = Event()
        self._watcher.start(self._woken.set)
        self._journal.notify = self._watcher.send
        self._turns: dict[int, int] = {}
        self._ttft = RequestStats().get("ttft", "")
        self._stopping = False
        self._fed = False
        self._closed = False
        self._thread: Any = None
        self._bridge: Any = None

    # --- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the engine thread, and the greenlet that hands its results to Locust."""
        sys.setswitchinterval(0.0005)
        gc.collect()
        gc.freeze()
        self._thread = gevent.get_hub().threadpool.spawn(self._engine.run)
        self._bridge = gevent.spawn(self._hand_over)

    @property
    def elapsed_s(self) -> float:
        """Since the agreed start; negative before it."""
        return (time.monotonic_ns() - self.start_ns) / NS_PER_S

    @property
    def in_flight(self) -> int:
        """Requests sent and not ended."""
        return self._engine.in_flight

    def over(self) -> bool:
        """Whether everything was sent that will be; a dead engine sends nothing, and `close` raises why."""
        if self._thread.ready():
            return True
        if self._stopping or not self.plan.schedule.is_open:
            return self._stopping or self.elapsed_s >= self.plan.scenario.duration_s
        return self._fed and self._engine.backlog == 0

    def stop_sending(self) -> None:
        """Send nothing more; replies are still waited for."""
        self._stopping = True
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
        self._thread.get()
        self._journal.notify = None
        self._woken.set()
        gevent.sleep(0)
        self._bridge.kill()
        self._watcher.close()
        self._log.close(time.monotonic_ns() - self.start_ns)
        cpu = os.times()
        return {
            "engine_cpu_s": self._engine.cpu_ns / NS_PER_S,
            "process_cpu_s": cpu.user + cpu.system,
            "ended_at_s": round(self.elapsed_s, 3),
            "stopped_early": self._stopping,
        }

    # --- what Locust's users call --------------------------------------------------------------------------

    def replay(self) -> None:
        """Open loop: hand the worker's slice to the engine, a few seconds ahead."""
        for planned in self.plan.schedule.part(self._worker, self._workers):
            due_ns = self.start_ns + (planned.due_ns or 0)
            while self._early(due_ns) and not self._stopping:
                gevent.sleep(0.02)
            if self._stopping:
                break
            self._engine.submit(self._order(planned, due_ns, None))
        self._fed = True

    def _early(self, due_ns: int) -> bool:
        return due_ns - time.monotonic_ns() > AHEAD_NS or self._engine.backlog >= AHEAD_ORDERS

    def turn(self, user: int) -> Record | None:
        """Closed loop: think, ask, and wait for the reply. None when the run is over."""
        users = self._users()
        number = self._turns.get(user % users, 0)
        self._turns[user % users] = number + 1
        planned = self.plan.schedule.turn(user % users, number, users)
        self._sleep_until(max(self.start_ns, time.monotonic_ns()) + planned.think_ns)
        if self.over():
            return None
        waiter: AsyncResult[Record] = AsyncResult()
        self._engine.submit(self._order(planned, time.monotonic_ns(), waiter))
        record: Record = waiter.get()
        return record

    def _users(self) -> int:
        loop = self.plan.scenario.closed_loop
        return loop.users if loop else 1

    def _sleep_until(self, instant_ns: int) -> None:
        while not self.over() and (left_ns := instant_ns - time.monotonic_ns()) > 0:
            gevent.sleep(min(left_ns / NS_PER_S, 0.5))

    def _order(self, planned: Planned, due_ns: int, waiter: Any) -> Order:
        ask = ask_for(planned, self.plan.texts)
        trace = partial(traceparent, self.plan.run_id, planned.index)
        wire = render(self.plan.endpoint, ask, trace(1))
        return Order(due_ns, ask, wire, Tag(planned, due_ns - self.start_ns, waiter), trace)

    # --- results back to Locust ----------------------------------------------------------------------------

    def _hand_over(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            while self._journal.finished:
                self._tell(self._journal.finished.popleft())

    def _tell(self, finished: Finished) -> None:
        record = finished.record
        if finished.waiter is not None:
            finished.waiter.set(record)
        if record.first_token_ns is not None:
            self._ttft.log(max(0, record.first_token_ns - record.scheduled_ns) // 1_000_000, 0)
        good = record.outcome in {"ok", "degraded"}
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=record.operation,
            name=f"{record.traffic_class} {record.profile or ''}".strip(),
            response_time=max(0, (record.end_ns or record.scheduled_ns) - record.scheduled_ns) / 1e6,
            response_length=record.response_bytes,
            exception=None if good else RuntimeError(_why(record)),
            context={},
        )

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
            "ttft_p50_ms": self._ttft.get_response_time_percentile(0.5) if self._ttft.num_requests else None,
        }


def _why(record: Record) -> str:
    parts = (record.outcome, record.reason, record.status, record.error_code)
    return " ".join(str(part) for part in parts if part)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

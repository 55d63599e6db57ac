"""Makes the faults of a plan happen: some at an instant, some to the requests that they choose."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from bench.sim.course import Course
from bench.sim.driver import Driver
from bench.sim.fault_kinds import ANY, KINDS
from bench.sim.faults import Fault
from bench.sim.gate import Gate
from bench.sim.model import Fleet, LiveWorker


class _Armed:
    """A fault that waits for its requests."""

    def __init__(self, fault: Fault, rng: Random) -> None:
        self.fault = fault
        self._rng = rng
        self._seen = 0
        self._met = 0

    def fits(self, operation: str, course: Course, *, streams: bool) -> bool:
        """Whether such a request counts for this fault."""
        fault, lane = self.fault, course.lane
        return (
            fault.streams_only == streams
            and fault.operation in (operation, ANY)
            and fault.model in ("", course.model)
            and fault.profile in ("", lane.profile)
            and fault.pool in ("", lane.pool)
        )

    def chooses(self) -> bool:
        """Count a fitting request; whether it is one of those that the fault wants."""
        self._seen += 1
        return self._chosen() and self._met < self.fault.most

    def take(self) -> Fault:
        """Meet the request; the fault has one less to meet."""
        self._met += 1
        return self.fault

    def _chosen(self) -> bool:
        if self.fault.requests:
            return self._seen in self.fault.requests
        if self.fault.every:
            return self._seen % self.fault.every == 0
        return self.fault.share is None or self._rng.random() < self.fault.share


class FaultClock:
    """Faults with an instant are counted from the first call of `start`, the others hold at once."""

    def __init__(
        self, faults: Sequence[Fault], gate: Gate, driver: Driver, before_kill: Callable[[], None], seed: int
    ) -> None:
        self._armed: list[_Armed] = []
        self._driver = driver
        self._before_kill = before_kill
        self._started = False
        self._begin: dict[str, Callable[[Fault], None]] = {
            "stall": lambda _: gate.shut(),
            "kill": self._kill,
            "lose_worker": self._lose,
            "slow": lambda fault: self._slow(fault, fault.factor),
            "load_failure": lambda fault: driver.change(partial(Fleet.break_model, model=fault.model)),
        }
        self._end: dict[str, Callable[[Fault], None]] = {
            "stall": lambda _: gate.release(),
            "slow": lambda fault: self._slow(fault, 1.0),
            "load_failure": lambda fault: driver.change(partial(Fleet.mend_model, model=fault.model)),
        }
        self._timed = [(fault, Random(f"{seed}-{index}")) for index, fault in enumerate(faults)]
        for fault, rng in self._timed:
            if fault.at_s is None:
                self._happen(fault, rng)

    def start(self) -> None:
        """Start the clock; later calls change nothing."""
        if self._started:
            return
        self._started = True
        loop = asyncio.get_running_loop()
        for fault, rng in self._timed:
            if fault.at_s is not None:
                loop.call_later(fault.at_s, self._happen, fault, rng)

    def meet(self, operation: str, course: Course, *, streams: bool) -> list[Fault]:
        """The first fault of each kind that meets this request."""
        met: dict[str, Fault] = {}
        for armed in self._armed:
            kind = armed.fault.fault
            if armed.fits(operation, course, streams=streams) and armed.chooses() and kind not in met:
                met[kind] = armed.take()
        return list(met.values())

    def _happen(self, fault: Fault, rng: Random) -> None:
        loop = asyncio.get_running_loop()
        if KINDS[fault.fault].meets_requests:
            armed = _Armed(fault, rng)
            self._armed.append(armed)
            end: Callable[[], object] = partial(self._armed.remove, armed)
        else:
            self._begin[fault.fault](fault)
            end = partial(self._end.get(fault.fault, _nothing), fault)
        if fault.duration_s is not None:
            loop.call_later(fault.duration_s, end)

    def _kill(self, _fault: Fault) -> None:
        self._before_kill()
        os.kill(os.getpid(), signal.SIGKILL)

    def _lose(self, fault: Fault) -> None:
        for worker in self._workers(fault)[: fault.workers or 1]:
            self._driver.change(partial(Fleet.lose, member=worker, closes=fault.streams == "cut"))

    def _slow(self, fault: Fault, factor: float) -> None:
        for worker in self._workers(fault)[: fault.workers]:
            worker.worker.slowness = factor

    def _workers(self, fault: Fault) -> list[LiveWorker]:
        """The working ones of the lane that the fault names, oldest first."""
        return [
            worker
            for worker in self._driver.fleet.live
            if worker.works
            and fault.pool in ("", worker.lane.pool)
            and fault.bundle in ("", worker.lane.bundle)
            and fault.profile in ("", worker.lane.profile)
        ]


def _nothing(_fault: Fault) -> None:
    """What ends by itself."""

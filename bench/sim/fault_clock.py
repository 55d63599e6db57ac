"""Makes the faults of a plan happen: some at an instant, some to the next requests of an operation."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence

from bench.sim.faults import Fault
from bench.sim.gate import Gate


class FaultClock:
    """Faults with an instant are counted from the first call of `start`, the others hold at once."""

    def __init__(self, faults: Sequence[Fault], gate: Gate, before_kill: Callable[[], None]) -> None:
        self._timed = [fault for fault in faults if fault.at_s is not None]
        self._armed: list[Fault] = []
        self._left: list[int] = []
        self._gate = gate
        self._before_kill = before_kill
        self._started = False
        for fault in faults:
            if fault.at_s is None:
                self._arm(fault)

    def start(self) -> None:
        """Start the clock; later calls change nothing."""
        if self._started:
            return
        self._started = True
        loop = asyncio.get_running_loop()
        for fault in self._timed:
            at_s = fault.at_s or 0.0
            if fault.fault == "stall":
                loop.call_later(at_s, self._gate.shut)
                loop.call_later(at_s + fault.duration_s, self._gate.release)
            elif fault.fault == "kill":
                loop.call_later(at_s, self._kill)
            else:
                loop.call_later(at_s, self._arm, fault)

    def take(self, operation: str, *kinds: str) -> Fault | None:
        """The fault of these kinds that meets this request, if any; it then has one request less to meet."""
        for index, fault in enumerate(self._armed):
            if self._left[index] and fault.operation == operation and fault.fault in kinds:
                self._left[index] -= 1
                return fault
        return None

    def _arm(self, fault: Fault) -> None:
        self._armed.append(fault)
        self._left.append(fault.count)

    def _kill(self) -> None:
        self._before_kill()
        os.kill(os.getpid(), signal.SIGKILL)

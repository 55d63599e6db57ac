"""The engine's own pulse: was it given the time it needed? Counts and sums, which others judge."""

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

LATE_NS = 10_000_000
NICE = -10


class Pulse:
    """Beats of the loop, each late by some amount, and the thread's time on a core and waiting for one."""

    def __init__(self) -> None:
        self._due_ns = 0
        self._beats = self._late = self._worst_ns = 0
        self._cpu_ns = self._waited_ns = self._spun_ns = self._nice = 0

    def beats(self, now_ns: int, every_ns: int) -> bool:
        """Whether it is time for the next one."""
        if now_ns < self._due_ns:
            return False
        if self._due_ns:
            lag_ns = now_ns - self._due_ns
            self._worst_ns = max(self._worst_ns, lag_ns)
            self._late += lag_ns > LATE_NS
        self._beats += 1
        self._due_ns = now_ns + every_ns
        return True

    def left_s(self) -> float:
        """How long to the next one: who waits longer for events finds it late, and nothing was wrong."""
        return max(self._due_ns - time.monotonic_ns(), 0) / 1e9

    def spun(self, for_ns: int) -> None:
        """Note time that was spent on a core to be awake when something is due."""
        self._spun_ns += for_ns

    def start(self) -> None:
        """From here on; a thread may have had another life before."""
        self._nice = _hurry()
        self._cpu_ns, self._waited_ns = -time.thread_time_ns(), -_waited_ns()

    def stop(self) -> None:
        """Note what the calling thread got since."""
        self._cpu_ns += time.thread_time_ns()
        self._waited_ns += _waited_ns()

    def facts(self) -> dict[str, Any]:
        """For run.json."""
        return {
            "engine_cpu_s": self._cpu_ns / 1e9,
            "engine_spun_s": self._spun_ns / 1e9,
            "engine_waited_s": self._waited_ns / 1e9,
            "engine_nice": self._nice,
            "loop_lag_max_s": self._worst_ns / 1e9,
            "loop_beats": self._beats,
            "loop_beats_late": self._late,
        }


def _hurry() -> int:
    """Go before other programs of this core, where we may; returns the niceness of the calling thread.

    An engine that is kept from its sockets for longer than a gap between two events reads both at once, and
    then the kernel tells the instant of the last alone.
    """
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, NICE)
    return os.getpriority(os.PRIO_PROCESS, thread)


def _waited_ns() -> int:
    """How long the calling thread was ready to run and had no core; 0 where the kernel does not tell."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0

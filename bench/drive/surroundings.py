"""What went on around the engine while it measured: garbage collection, and who else had our cores."""

import gc
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GARBAGE = 100_000
"""So many objects more than before may live until the garbage collector looks for cycles among them."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Seconds of the cores that we may run on, and of this process."""

    instant_s: float
    busy_s: float
    steal_s: float
    ours_s: float


class Surroundings:
    """Quiets the garbage collector from `start` to `stop`, and reads the cores at both."""

    def __init__(self) -> None:
        self._pauses_ns: list[int] = []
        self._began_ns = 0
        self._first = _read()
        self._usual = gc.get_threshold()

    def start(self) -> None:
        """What lives now is looked at no more, and what comes only when there is much of it."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE, *self._usual[1:])
        gc.callbacks.append(self._note)
        self._first = _read()

    def stop(self, workers_cpu_s: float = 0.0) -> dict[str, Any]:
        """The facts, for run.json; shares are of the time of all cores that we may run on.

        CPU seconds of worker processes count as ours.
        """
        gc.callbacks.remove(self._note)
        gc.set_threshold(*self._usual)
        gc.unfreeze()
        first, last = self._first, _read()
        cores = len(os.sched_getaffinity(0))
        core_s = max(last.instant_s - first.instant_s, 1e-9) * cores
        ours_s = last.ours_s - first.ours_s + workers_cpu_s
        others_s = max(0.0, last.busy_s - first.busy_s - ours_s)
        return {
            "process_cpu_s": round(ours_s, 6),
            "cores": cores,
            "others_share": round(min(1.0, others_s / core_s), 4),
            "steal_share": round(max(0.0, last.steal_s - first.steal_s) / core_s, 4),
            "gc_pauses": len(self._pauses_ns),
            "gc_pause_max_s": max(self._pauses_ns, default=0) / 1e9,
        }

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began_ns = time.monotonic_ns()
        else:
            self._pauses_ns.append(time.monotonic_ns() - self._began_ns)


def _read() -> _Reading:
    times = os.times()
    busy = steal = 0
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *ticks = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in os.sched_getaffinity(0):
            user, nice, system, _idle, _iowait, irq, softirq, stolen = map(int, ticks[:8])
            busy += user + nice + system + irq + softirq
            steal += stolen
    return _Reading(time.monotonic(), busy / _TICKS_PER_S, steal / _TICKS_PER_S, times.user + times.system)

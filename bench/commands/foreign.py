"""How much of the machine others used while we measured: from Linux's own counts."""

import os
import resource
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_BUSY = (0, 1, 2, 5, 6, 7)
"""user, nice, system, irq, softirq, steal in the first line of /proc/stat."""


class ForeignLoad:
    """A context; afterwards `share` is what others took of all cores' time, between 0 and 1.

    Ours are this process and its children that ended inside the context.
    """

    share = 0.0

    def __enter__(self) -> Self:
        self._begun = _now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        elapsed_s, busy_s, ours_s = (now - begun for now, begun in zip(_now(), self._begun, strict=True))
        cores = os.cpu_count() or 1
        self.share = min(1.0, max(0.0, (busy_s - ours_s) / max(elapsed_s * cores, 1e-9)))


def _now() -> tuple[float, float, float]:
    """Clock, busy time of all cores, and ours of it, in seconds."""
    ticks = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    busy_s = sum(int(ticks[column]) for column in _BUSY) / os.sysconf("SC_CLK_TCK")
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.monotonic(), busy_s, sum(usage.ru_utime + usage.ru_stime for usage in usages)

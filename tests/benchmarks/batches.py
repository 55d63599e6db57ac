"""Five batches, or their medians; what was measured while others had the machine does not count."""

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest

WANTED = 5
TRIES = 9
FOREIGN_SHARE = 0.05

Figures = Mapping[str, float]


class Server(Protocol):
    """What is loaded: a living process."""

    def cpu_s(self) -> float:
        """CPU seconds so far."""


def medians(what: str, server: Server, measure: Callable[[int], Figures]) -> dict[str, float]:
    """Print and return the median of each figure; skips where the machine was never quiet enough."""
    counted = batches(what, server, measure)
    found = {name: statistics.median(figures[name] for figures in counted) for name in counted[0]}
    print(f"{what}, median of {len(counted)}: {_said(found)}")
    return found


def batches(what: str, server: Server, measure: Callable[[int], Figures]) -> list[Figures]:
    """Print the figures of each batch, and return those that count; skips where none does."""
    counted: list[Figures] = []
    for number in range(TRIES):
        foreign, figures = _batch(server, measure, number)
        counts = foreign <= FOREIGN_SHARE
        print(f"\n{what}, batch {number}: {_said(figures)}; foreign load {foreign:.0%}", end="")
        print("" if counts else ": does not count")
        counted += [figures] if counts else []
        if len(counted) == WANTED:
            break
    if not counted:
        pytest.skip(f"{what}: in {TRIES} batches others had more than {FOREIGN_SHARE:.0%} of the machine")
    return counted


def _said(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _batch(server: Server, measure: Callable[[int], Figures], number: int) -> tuple[float, Figures]:
    busy_s, ours_s, began_s = _busy_s(), _ours_s(server), time.monotonic()
    figures = measure(number)
    lasted_s = (time.monotonic() - began_s) * (os.cpu_count() or 1)
    return max(0.0, _busy_s() - busy_s - _ours_s(server) + ours_s) / lasted_s, figures


def _busy_s() -> float:
    """Seconds that all cores were busy, or taken by the hypervisor."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _ours_s(server: Server) -> float:
    children, self = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return children.ru_utime + children.ru_stime + self.ru_utime + self.ru_stime + server.cpu_s()

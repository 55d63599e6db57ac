"""Cold lanes: waiting until nobody serves those of a scenario, without waking them, and until all are served.

WarmError   a lane was not cold in time
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent
from locust.stats import RequestStats

from bench.drive.bulletin import label
from bench.drive.control import Control, TargetError
from bench.protocol import is_gateway, standing
from bench.scenario import Scenario

EVERY_S = 1.0
SAY_EVERY_S = 60.0
TAIL_S = 3.0

Say = Callable[[str], None]


class WarmError(Exception):
    """A lane that was not cold in time; the message says who served it, and what to do."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for lanes to become cold, and for how long they must have been."""

    limit_s: float
    cold_for_s: float


def await_cold(scenario: Scenario, control: Control, patience: Patience, say: Say) -> float:
    """Wait until the lanes have had no worker for so long; returns for how many seconds none was seen.

    A look at /health creates no demand, so it wakes nobody. Raises WarmError at the limit, TargetError for
    what is no gateway.
    """
    start_s = say_at_s = time.monotonic()
    cold_since_s = None
    while True:
        now_s, warm = time.monotonic(), _workers(scenario, control)
        cold_since_s = None if warm else cold_since_s or now_s
        if cold_since_s is not None and now_s - cold_since_s >= patience.cold_for_s:
            return now_s - cold_since_s
        if now_s - start_s >= patience.limit_s + patience.cold_for_s:
            raise WarmError(_never(warm, patience))
        if warm and now_s >= say_at_s:
            say(f"waiting for a cold lane, {patience.limit_s:g} s at most: {_listed(warm)} there")
            say_at_s = now_s + SAY_EVERY_S
        gevent.sleep(EVERY_S)


class Served:
    """Whether each lane of a scenario has had an answer, and since when; by Locust's own counts."""

    def __init__(self, scenario: Scenario, stats: RequestStats) -> None:
        self._stats = stats
        self._lanes: dict[tuple[str | None, ...], list[tuple[str, str]]] = {}
        self._since_s: float | None = None
        for one in scenario.classes:
            for profile in one.profiles or (None,):
                classes = self._lanes.setdefault((one.pool, one.model, profile), [])
                classes.append((label(one.name, profile), one.operation))

    def long_enough(self) -> bool:
        """Whether all have been served for `TAIL_S`, so that the gateway has told of their workers too."""
        if self._since_s is None and all(any(map(self._answered, lane)) for lane in self._lanes.values()):
            self._since_s = time.monotonic()
        return self._since_s is not None and time.monotonic() - self._since_s >= TAIL_S

    def _answered(self, key: tuple[str, str]) -> bool:
        entry = self._stats.entries.get(key)
        return entry is not None and entry.num_requests > entry.num_failures


def _workers(scenario: Scenario, control: Control) -> list[str]:
    """Names of the live workers of the lanes."""
    health = control.get("/health").tree()
    if not is_gateway(health):
        raise TargetError(
            f"{control.endpoint.url} is no gateway (its /health does not say so): it tells of no workers, so "
            "no lane can be seen to be cold"
        )
    names = [name for one in scenario.classes for name in standing(health, one.model, one.profiles)]
    return sorted(set(names))


def _never(warm: list[str], patience: Patience) -> str:
    who = f"{_listed(warm)} still there" if warm else "workers came and went"
    return (
        f"no cold lane within {patience.limit_s:g} s: {who}. A lane stays warm for its cooldown after the "
        "last request: keep others away and wait longer (--wait-cold), or scale it to zero (--before-start)"
    )


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more} {'is' if len(names) == 1 else 'are'}"

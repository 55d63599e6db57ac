"""Lanes before a start: waiting until those of a scenario have as few workers as they shall, waking none.

WarmError   a lane had others in time
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import gevent

from bench.drive.control import Control, TargetError
from bench.protocol import holding, is_gateway, names_workers, standing
from bench.scenario import Scenario

EVERY_S = 1.0
SAY_EVERY_S = 60.0

Say = Callable[[str], None]
Tell = Callable[[Mapping[str, Any], str, Collection[str]], list[str]]
"""From /health, a model and profiles to names of workers."""


class WarmError(Exception):
    """A lane that had not so few workers in time; the message says who served it, and what to do."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for lanes to have so many workers (0: to be cold), and for how long they must have."""

    limit_s: float
    cold_for_s: float
    workers: int = 0


class Lane(NamedTuple):
    """Whom requests are for; a profile of None is any."""

    model: str
    profile: str | None

    def __str__(self) -> str:
        return f"{self.model} on {self.profile or 'any profile'}"

    def names(self, tell: Tell, health: Mapping[str, Any]) -> list[str]:
        """Of its workers, those that `tell` picks."""
        return tell(health, self.model, (self.profile,) if self.profile else ())


class _Amiss(NamedTuple):
    """What is the matter with a lane, and what to do."""

    what: str
    advice: str


def lanes_of(scenario: Scenario) -> list[Lane]:
    """Those that its classes ask for, once each; pools are not told of in /health."""
    named = (Lane(one.model, profile) for one in scenario.classes for profile in one.profiles or (None,))
    return list(dict.fromkeys(named))


def await_lanes(scenario: Scenario, control: Control, patience: Patience, say: Say) -> float:
    """Wait until the lanes have had so few workers for so long; returns for how many seconds it was seen.

    A look at /health creates no demand, so it wakes nobody. Raises WarmError at the limit, TargetError for
    what is no gateway.
    """
    start_s = say_at_s = time.monotonic()
    since_s = None
    while True:
        now_s, amiss = time.monotonic(), _amiss(scenario, control, patience.workers)
        since_s = None if amiss else since_s or now_s
        if since_s is not None and now_s - since_s >= patience.cold_for_s:
            return now_s - since_s
        if now_s - start_s >= patience.limit_s + patience.cold_for_s:
            raise WarmError(_never(amiss, patience))
        if amiss and now_s >= say_at_s:
            say(f"waiting for a {_wanted(patience)}, {patience.limit_s:g} s at most: {amiss.what}")
            say_at_s = now_s + SAY_EVERY_S
        gevent.sleep(EVERY_S)


def _amiss(scenario: Scenario, control: Control, workers: int) -> _Amiss | None:
    """What is the matter with the first lane that is not as it shall be; None where all are."""
    health = control.get("/health").tree()
    if not is_gateway(health):
        raise TargetError(
            f"{control.endpoint.url} is no gateway (its /health does not say so): it tells of no workers, so "
            "no lane can be seen to be cold"
        )
    if not workers:
        return _warm(scenario, health)
    if not names_workers(health):
        raise WarmError(
            f"{control.endpoint.url} names no workers in its /health, so no further one could be told from "
            "those that a lane has"
        )
    return next(_miscounted(scenario, health, workers), None)


def _warm(scenario: Scenario, health: Mapping[str, Any]) -> _Amiss | None:
    names = sorted({name for lane in lanes_of(scenario) for name in lane.names(standing, health)})
    if not names:
        return None
    return _Amiss(
        f"{_listed(names)} {'is' if len(names) == 1 else 'are'} there",
        "A lane stays warm for its cooldown after the last request: keep others away and wait longer "
        "(--wait-cold), or scale it to zero (--before-start)",
    )


def _miscounted(scenario: Scenario, health: Mapping[str, Any], workers: int) -> Iterator[_Amiss]:
    """Lanes that have another number of workers, or one that has not loaded the model."""
    for lane in lanes_of(scenario):
        there, having = lane.names(standing, health), lane.names(holding, health)
        if not there:
            advice = "A lane without a worker is cold: that start is measured with --from 0"
            yield _Amiss(f"{lane} has none", advice)
        elif len(there) > workers:
            yield _Amiss(
                f"{lane} has {_listed(there)}",
                "A lane shrinks some time after its last load: keep others away and wait longer "
                "(--wait-cold), scale it down (--before-start), or say --from and how many it has at least",
            )
        elif len(having) < len(there):
            idle = [one for one in there if one not in having]
            yield _Amiss(
                f"{lane} has {_listed(idle)}, without that model loaded",
                "Many a worker loads a model at the first request for it, and waiting sends none: send some "
                "before each start (--before-start)",
            )
        elif len(there) < workers:
            yield _Amiss(f"{lane} has only {_listed(there)}", f"Say --from {len(there)}, or scale it up")


def _never(amiss: _Amiss | None, patience: Patience) -> str:
    what, advice = amiss or _Amiss("workers came and went", "Keep others away, and wait longer (--wait-cold)")
    return f"no {_wanted(patience)} within {patience.limit_s:g} s: {what}. {advice}"


def _wanted(patience: Patience) -> str:
    """What is waited for."""
    if not patience.workers:
        return "cold lane"
    return f"lane with {patience.workers} {'worker' if patience.workers == 1 else 'workers'}"


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"

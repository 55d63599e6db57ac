"""When a start has been seen: each lane of a scenario has had an answer, or has a further worker."""

import time
from collections.abc import Callable, Mapping

from locust.stats import RequestStats

from bench.drive.bulletin import label
from bench.drive.lanes import lanes_of
from bench.scenario import Scenario

TAIL_S = 3.0

Seen = Callable[[], bool]
Serving = Callable[[], Mapping[str, Mapping[str, int]]]
"""The workers that have a model loaded, per model and profile, by the last look."""


class Started:
    """Whether every lane has been seen to start, and since when."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._since_s: float | None = None

    def long_enough(self) -> bool:
        """Whether all have for `TAIL_S`, so that the gateway has told of their workers too."""
        if self._since_s is None and self._seen():
            self._since_s = time.monotonic()
        return self._since_s is not None and time.monotonic() - self._since_s >= TAIL_S


def served(scenario: Scenario, stats: RequestStats) -> Seen:
    """Each lane has had an answer; by Locust's own counts."""
    lanes: dict[tuple[str | None, ...], list[tuple[str, str]]] = {}
    for one in scenario.classes:
        for profile in one.profiles or (None,):
            classes = lanes.setdefault((one.pool, one.model, profile), [])
            classes.append((label(one.name, profile), one.operation))

    def answered(key: tuple[str, str]) -> bool:
        entry = stats.entries.get(key)
        return entry is not None and entry.num_requests > entry.num_failures

    return lambda: all(any(map(answered, lane)) for lane in lanes.values())


def grown(scenario: Scenario, workers: int, serving: Serving) -> Seen:
    """Each lane has more than so many workers with its model."""
    lanes = lanes_of(scenario)

    def seen() -> bool:
        now = serving()
        return all(_count(now.get(lane.model, {}), lane.profile) > workers for lane in lanes)

    return seen


def _count(live: Mapping[str, int], profile: str | None) -> int:
    name = profile.lower() if profile else None
    return sum(count for other, count in live.items() if name in {None, other.lower()})

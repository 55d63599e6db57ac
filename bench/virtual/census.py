"""Who is alive when: the lines that a gateway's `/health` would have given."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.scenario import Scenario
from bench.sim.model import Lane, WorkerEvent, WorkerGone, WorkerReady
from bench.virtual.setup import Setup
from bench.virtual.work import card_of

_EVERY_NS = 1_000_000_000
_MOST_LINES = 3_600


@dataclass(slots=True)
class Census:
    """Hears of workers; a draining one is alive until it goes, as it is for the gateway."""

    scenario: Scenario
    setup: Setup
    changes: list[tuple[int, str, Lane, bool]] = field(default_factory=list)
    """Instant, worker, lane, whether it came."""

    def hear(self, event: WorkerEvent) -> None:
        """A worker came, or went."""
        if isinstance(event, WorkerReady | WorkerGone):
            came = isinstance(event, WorkerReady)
            self.changes.append((event.at_ns, event.worker, event.lane, came))

    def lines(self, until_ns: int) -> Iterator[dict[str, Any]]:
        """A line a second; in a run of more than an hour 3,600 lines."""
        alive: dict[str, Lane] = {}
        rest = iter([*self.changes, (until_ns + _EVERY_NS, "", Lane("", "", ""), False)])
        change = next(rest)
        told = self._line(alive)
        for at_ns in range(0, until_ns + 1, max(_EVERY_NS, until_ns // _MOST_LINES)):
            while change[0] <= at_ns:
                _note(alive, change)
                change = next(rest)
                told = self._line(alive)
            yield {"t_ns": at_ns, **told}

    def _line(self, alive: dict[str, Lane]) -> dict[str, Any]:
        lanes = list(alive.values())
        cluster = {"worker_count": len(lanes), "gpu_count": len(lanes)}
        live = dict(Counter(lane.profile for lane in lanes))
        return {"live": live, "serving": self._serving(lanes), "cluster": cluster}

    def _serving(self, lanes: list[Lane]) -> dict[str, dict[str, int]]:
        bundles = {t.model: card_of(t, self.setup).bundle for t in self.scenario.classes}
        return {
            model: dict(Counter(lane.profile for lane in lanes if lane.bundle == bundle))
            for model, bundle in bundles.items()
        }


def _note(alive: dict[str, Lane], change: tuple[int, str, Lane, bool]) -> None:
    _, worker, lane, came = change
    if came:
        alive[worker] = lane
    else:
        alive.pop(worker, None)

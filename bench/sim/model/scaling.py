"""How many workers a lane shall have: an autoscaler that looks now and then, as KEDA and its HPA do."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from math import ceil
from operator import itemgetter

from bench.sim.model.lanes import LaneSpec

_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Scaling:
    """The maker's deployment defaults."""

    poll_s: float = 15.0
    """Between two looks."""
    cooldown_s: float = 900.0
    """Without work or demand before a lane that may be empty is."""
    demand_s: float = 120.0
    """How long a request for an empty lane is remembered."""
    work_per_worker: int = 10
    """Unanswered work for which one worker is thought enough."""
    woken: int = 1
    """Workers that an empty lane begins with, and keeps until the cooldown has passed."""
    grow_factor: float = 2.0
    grow_workers: int = 4
    """A look grows a lane to so many times its workers, or by so many, whichever is more."""
    shrink_share: float = 0.25
    shrink_every_s: float = 60.0
    """One worker or this share of them may go each time."""
    shrink_after_s: float = 300.0
    """A lane shrinks to the most that was wanted in this time."""
    drain_s: float = 65.0
    """A worker that must go finishes what it has for so long."""


Changes = tuple[tuple[int, int], ...]
"""From each instant (ns) on so many workers, in the order of time."""


@dataclass(frozen=True, slots=True)
class Script:
    """A lane whose workers somebody decided on beforehand, as a plan does; whoever comes serves at once."""

    changes: Changes

    def demand(self, now_ns: int) -> None:
        """Nobody listens."""

    def next_ns(self, now_ns: int, workers: int, work: int) -> int | None:  # noqa: ARG002 - as of a scaler
        """The next change after this instant."""
        at = bisect_right(self.changes, now_ns, key=itemgetter(0))
        return self.changes[at][0] if at < len(self.changes) else None

    def look(self, now_ns: int, work: int) -> int:  # noqa: ARG002 - as of a scaler
        """The workers wanted now."""
        return self.changes[max(0, bisect_right(self.changes, now_ns, key=itemgetter(0)) - 1)][1]


class LaneScaler:
    """The wish for one lane.  It looks only while there is something to decide: an idle fleet is still."""

    def __init__(self, spec: LaneSpec, scaling: Scaling, start_ns: int, cooldown_scale: float) -> None:
        self.wanted = spec.fewest
        self._spec = spec
        self._rules = scaling
        self._least = spec.fewest or min(scaling.woken, spec.most)
        self._start_ns = start_ns
        self._poll_ns = round(scaling.poll_s * _S)
        self._cooldown_ns = round(scaling.cooldown_s * cooldown_scale * _S)
        self._looked_ns = start_ns
        self._demanded_ns: int | None = None
        self._active_ns = start_ns
        self._shrunk_ns = start_ns
        self._wishes: deque[tuple[int, int]] = deque()

    def demand(self, now_ns: int) -> None:
        """A request asked for this lane while it was empty."""
        self._demanded_ns = now_ns

    def next_ns(self, now_ns: int, workers: int, work: int) -> int | None:
        """The next look after this instant, None while nothing can come of it."""
        still = workers == self.wanted == self._spec.fewest and self._demanded_ns is None
        if still and work <= self._rules.work_per_worker * workers:
            return None
        since_ns = max(now_ns, self._looked_ns) - self._start_ns
        return self._start_ns + (since_ns // self._poll_ns + 1) * self._poll_ns

    def look(self, now_ns: int, work: int) -> int:
        """Decide anew from the unanswered work of the lane; the workers wanted."""
        self._looked_ns = now_ns
        if self._demanded_ns is not None and now_ns - self._demanded_ns > self._rules.demand_s * _S:
            self._demanded_ns = None
        if work or self._demanded_ns is not None:
            self._active_ns = now_ns
        idle_ns = now_ns - self._active_ns
        if not self._spec.fewest and idle_ns and idle_ns >= self._cooldown_ns:
            self._wishes.clear()
            self.wanted = 0
        elif self.wanted or self._active_ns == now_ns:
            self._adjust(now_ns, work)
        return self.wanted

    def _adjust(self, now_ns: int, work: int) -> None:
        wish = min(self._spec.most, max(self._least, ceil(work / self._rules.work_per_worker)))
        self._wishes.append((now_ns, wish))
        while self._wishes[0][0] < now_ns - self._rules.shrink_after_s * _S:
            self._wishes.popleft()
        if not self.wanted:
            self.wanted = self._least
        elif wish > self.wanted:
            grown = max(int(self.wanted * self._rules.grow_factor), self.wanted + self._rules.grow_workers)
            self.wanted = min(wish, grown)
        elif now_ns - self._shrunk_ns >= self._rules.shrink_every_s * _S:
            lowest = max(most for _, most in self._wishes)
            shrunk = self.wanted - max(1, int(self.wanted * self._rules.shrink_share))
            if lowest < self.wanted:
                self.wanted, self._shrunk_ns = max(lowest, shrunk), now_ns

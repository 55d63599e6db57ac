"""Who works in which lane: starting, joining, draining, leaving, being lost.  All instants are in ns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from bench.sim.model.catalog import Catalog
from bench.sim.model.coldstart import cold_start_ns
from bench.sim.model.jobs import Lane, WorkerDraining, WorkerEvent, WorkerGone, WorkerReady, WorkerStarting
from bench.sim.model.lanes import LaneSpec
from bench.sim.model.members import LiveWorker
from bench.sim.model.rules import Rules
from bench.sim.model.scaling import LaneScaler, Scaling, Script
from bench.sim.model.workers import make_worker

_LISTED_HEARTBEATS = 5
"""A lost worker leaves the list after so many times the loss of its heartbeat."""


@dataclass(frozen=True, slots=True)
class _Starting:
    name: str
    lane: Lane
    ready_ns: int


class Roster:
    """The workers of all lanes; `events` is what happened to them and was not fetched yet."""

    def __init__(
        self,
        lanes: Sequence[LaneSpec],
        rules: Rules,
        seed: int,
        scale: float,
        start_ns: int,
        catalog: Catalog,
    ) -> None:
        self.members: list[LiveWorker] = []
        self.events: list[WorkerEvent] = []
        self.failed: set[str] = set()
        """Models that nobody can load."""
        self._specs = {spec.lane: spec for spec in lanes}
        self._rules = rules
        self._seed = seed
        self._rng = Random(seed)
        self._scale = scale
        self._catalog = catalog
        self._starting: list[_Starting] = []
        self._made = 0
        scaling, scripts = rules.scaling, dict(rules.script)
        self._scalers: dict[Lane, LaneScaler | Script] = {
            spec.lane: LaneScaler(spec, scaling, start_ns, scale) for spec in lanes if scaling and spec.most
        }
        self._scalers |= {
            spec.lane: Script(scripts[spec.lane.profile]) for spec in lanes if spec.lane.profile in scripts
        }
        for spec in lanes:
            for _ in range(spec.fewest):
                self._join(start_ns, self._name(spec.lane), spec.lane)

    def first_lane(self, pool: str, bundle: str) -> Lane | None:
        """The first lane of pool and bundle that may have workers."""
        near = (spec.lane for spec in self._specs.values() if spec.most)
        return next((lane for lane in near if (lane.pool, lane.bundle) == (pool, bundle)), None)

    def wake(self, now_ns: int, lane: Lane) -> None:
        """Somebody asks for a lane: if it is empty, a worker starts, or the autoscaler hears of it."""
        spec = self._specs.get(lane)
        if spec is None or not spec.most or self._serving(lane):
            return
        if lane in self._scalers:
            self._scalers[lane].demand(now_ns)
        elif not any(starting.lane == lane for starting in self._starting):
            self._start(now_ns, lane)

    def next_ns(self, at_ns: int) -> int | None:
        """The next change in who works, if nothing is asked for after this instant."""
        instants = [*(starting.ready_ns for starting in self._starting), *self._notices()]
        decision_ns = self.decision_ns(at_ns)
        return min(instants if decision_ns is None else [*instants, decision_ns], default=None)

    def decision_ns(self, at_ns: int) -> int | None:
        """The next look of an autoscaler, notice of a spot node, or end of a drain."""
        if not self._scalers and not self._rules.spot_lifetime_s:
            return None
        looks = (
            scaler.next_ns(at_ns, self._count(lane), self._work(lane))
            for lane, scaler in self._scalers.items()
        )
        instants = [*(look_ns for look_ns in looks if look_ns is not None), *self._notices()]
        for member in self.members:
            if member.works and member.drained_ns is not None:
                instants.append(member.leaves_ns)
            elif member.works and member.interrupted_ns is not None:
                instants.append(member.interrupted_ns)
        return min(instants, default=None)

    def decide(self, at_ns: int, now_ns: int) -> list[LiveWorker]:
        """What `decision_ns(at_ns)` announced for now happens; the workers whose time is over."""
        for lane, scaler in self._scalers.items():
            if scaler.next_ns(at_ns, self._count(lane), self._work(lane)) == now_ns:
                self._staff(now_ns, lane, scaler.look(now_ns, self._work(lane)))
        for member in [m for m in self.members if m.works and m.interrupted_ns is not None]:
            if member.interrupted_ns is not None and member.interrupted_ns <= now_ns:
                member.interrupted_ns = None
                self._drain(now_ns, member, self._rules.spot_notice_s)
                if self._count(member.lane) < self._specs[member.lane].fewest:
                    self._start(now_ns, member.lane)
        return [m for m in self._leaving() if m.leaves_ns <= now_ns]

    def settle(self, now_ns: int) -> None:
        """Let those come and go whose time it is."""
        for starting in [s for s in self._starting if s.ready_ns <= now_ns]:
            self._starting.remove(starting)
            self._join(starting.ready_ns, starting.name, starting.lane)
        for member in [m for m in self.members if m.lost_ns is not None]:
            due_ns = self._noticed_ns(member, member.lost_ns or 0)
            if due_ns > now_ns:
                continue
            if member.healthy:
                member.healthy = False
                self.events.append(WorkerGone(due_ns, member.name, member.lane))
            else:
                self.members.remove(member)

    def part(self, at_ns: int, member: LiveWorker) -> None:
        """A drained worker leaves, unless it has."""
        if member in self.members:
            self.members.remove(member)
            self.events.append(WorkerGone(at_ns, member.name, member.lane))

    def _leaving(self) -> Iterator[LiveWorker]:
        return (m for m in self.members if m.works and m.drained_ns is not None)

    def _staff(self, now_ns: int, lane: Lane, wanted: int) -> None:
        """Start or drain as many workers as make it so many."""
        for _ in range(wanted - self._count(lane)):
            if isinstance(self._scalers[lane], Script):
                self._join(now_ns, self._name(lane), lane)
            else:
                self._start(now_ns, lane)
        for _ in range(self._count(lane) - wanted):
            starting = [s for s in self._starting if s.lane == lane]
            if starting:
                self._starting.remove(starting[-1])
                self.events.append(WorkerGone(now_ns, starting[-1].name, lane))
            else:
                idlest = min(reversed(self._serving(lane)), key=lambda member: member.pending)
                self._drain(now_ns, idlest, (self._rules.scaling or Scaling()).drain_s)

    def _drain(self, now_ns: int, member: LiveWorker, patience_s: float) -> None:
        if member.drained_ns is None:
            member.drain(now_ns, round(patience_s * 1e9))
            self.events.append(WorkerDraining(now_ns, member.name, member.lane))
        else:
            member.leaves_ns = min(member.leaves_ns, now_ns + round(patience_s * 1e9))
        if not member.pending:
            self.part(now_ns, member)

    def _serving(self, lane: Lane) -> list[LiveWorker]:
        return [m for m in self.members if m.lane == lane and m.serves]

    def _count(self, lane: Lane) -> int:
        return len(self._serving(lane)) + sum(starting.lane == lane for starting in self._starting)

    def _work(self, lane: Lane) -> int:
        return sum(member.pending for member in self.members if member.lane == lane)

    def _notices(self) -> list[int]:
        """When the gateway changes its mind about lost workers."""
        return [self._noticed_ns(m, m.lost_ns) for m in self.members if m.lost_ns is not None]

    def _noticed_ns(self, member: LiveWorker, lost_ns: int) -> int:
        """When the gateway next changes its mind about a lost worker."""
        return lost_ns + self._rules.heartbeat_loss_ns * (1 if member.healthy else _LISTED_HEARTBEATS)

    def _start(self, now_ns: int, lane: Lane) -> None:
        name = self._name(lane)
        spot = self._catalog.chips[lane.profile].spot
        ready_ns = now_ns + cold_start_ns(self._rng, self._scale, spot=spot)
        self._starting.append(_Starting(name, lane, ready_ns))
        self.events.append(WorkerStarting(now_ns, name, lane))

    def _join(self, now_ns: int, name: str, lane: Lane) -> None:
        chance = Random(f"{self._seed}-{name}")
        worker = make_worker(lane, self._catalog, jitter=chance, jitter_sigma=self._rules.step_jitter)
        member = LiveWorker(name, lane, worker)
        if self._rules.spot_lifetime_s and self._catalog.chips[lane.profile].spot:
            lifetime_s = self._rng.expovariate(1 / self._rules.spot_lifetime_s)
            member.interrupted_ns = now_ns + round(lifetime_s * 1e9)
        if not self._rules.model_load_ns:
            cards = self._catalog.cards.values()
            member.loaded |= {card.name for card in cards if card.bundle == lane.bundle} - self.failed
        self.members.append(member)
        self.events.append(WorkerReady(now_ns, name, lane))

    def _name(self, lane: Lane) -> str:
        self._made += 1
        return f"{lane.pool}-{lane.profile}-{lane.bundle}-{self._made}"

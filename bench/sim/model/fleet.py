"""All workers of all lanes behind one interface: who serves a job, and what happens when."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bench.sim.model.catalog import SHIPPED, Catalog
from bench.sim.model.coldstart import cold_start_ns
from bench.sim.model.jobs import (
    Chunk,
    Event,
    Job,
    Lane,
    Lost,
    Verdict,
    WorkerGone,
    WorkerLost,
    WorkerReady,
    WorkerStarting,
)
from bench.sim.model.lanes import DEFAULT_POOL, LaneSpec
from bench.sim.model.members import LiveWorker, ModelState
from bench.sim.model.memory import BLOCK_TOKENS
from bench.sim.model.step import cache_tokens
from bench.sim.model.workers import make_worker

_LISTED_HEARTBEATS = 5
"""A lost worker leaves the list after so many times the loss of its heartbeat."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a fleet does beyond computing.

    With `exact_lanes` only a lane's own workers serve it, and demand without a profile wakes the first lane
    of its pool and bundle; without, any worker of pool and bundle stands in, and such demand wakes nothing.
    """

    exact_lanes: bool = False
    model_load_ns: int = 0
    """From the first use of a model on a worker until it is loaded; 0 if workers begin with all loaded."""
    generation_waits: bool = True
    """Whether a generation waits silently for its model; otherwise it hears that the model is loading."""
    most_pending: float = float("inf")
    """Unanswered jobs and items that a pool may hold."""
    heartbeat_loss_ns: int = 15_000_000_000
    """From the loss of a worker until it is noticed."""
    step_jitter: float = 0.0
    """Sigma of the lognormal lengths of steps and batches; 0 for none."""


@dataclass(frozen=True, slots=True)
class _Starting:
    name: str
    lane: Lane
    ready_ns: int


class Fleet:
    """Deterministic from lanes, rules, seed and inputs.  Reads no clock: every call is told the time (ns).

    Calls must come in order of time.  `next_ns` is when something happens next if nothing is submitted;
    `advance(now_ns)` makes everything up to `now_ns` happen and returns it in order of time.
    """

    def __init__(
        self,
        lanes: Sequence[LaneSpec],
        rules: Rules | None = None,
        *,
        seed: int = 1,
        cold_start_scale: float = 1.0,
        start_ns: int = 0,
        catalog: Catalog = SHIPPED,
    ) -> None:
        self.catalog = catalog
        self._specs = {spec.lane: spec for spec in lanes}
        self._rules = rules or Rules()
        self._seed = seed
        self._rng = Random(seed)
        self._scale = cold_start_scale
        self._members: list[LiveWorker] = []
        self._starting: list[_Starting] = []
        self._holders: dict[int, LiveWorker] = {}
        self._failed: set[str] = set()
        self._room_tokens: dict[tuple[str, str], int] = {}
        self._events: list[Event] = []
        self._made = 0
        for spec in lanes:
            for _ in range(spec.fewest):
                self._join(start_ns, self._name(spec.lane), spec.lane)

    @property
    def live(self) -> tuple[LiveWorker, ...]:
        """The workers that the gateway believes in service, oldest first."""
        return tuple(member for member in self._members if member.healthy)

    @property
    def known(self) -> tuple[LiveWorker, ...]:
        """The same with those whose heartbeats are missing."""
        return tuple(self._members)

    def state(self, model: str) -> ModelState:
        """Where a model stands on the worker that is furthest."""
        if model in self._failed:
            return "failed"
        states = {member.state(model) for member in self.live}
        return next((state for state in ("loaded", "loading") if state in states), "available")

    def demand(self, now_ns: int, lane: Lane) -> Verdict:
        """Whether the lane (profile "" means any) can serve now; an empty lane starts a worker."""
        self._catch_up(now_ns)
        self._wake(now_ns, self._wanted(lane))
        if self._candidates(lane):
            return Verdict.LIVE
        return Verdict.COLD if lane.pool == DEFAULT_POOL else Verdict.NO_CONSUMERS

    def submit(self, now_ns: int, job: Job) -> Verdict:
        """Give the job to the least loaded worker that may serve it; it is taken only if LIVE.

        A worker that is chosen without having the model begins to load it and passes the job on to one that
        has.  Jobs for a lane whose workers are all lost, but not yet known to be, are taken and never done.
        """
        verdict = self.demand(now_ns, job.lane)
        if verdict is not Verdict.LIVE:
            return verdict
        if self._pending(job.lane.pool) >= self._rules.most_pending:
            return Verdict.FULL
        if not job.item_tokens and not self._has_room(job):
            return Verdict.NO_ROOM
        return self._place(now_ns, job)

    def cancel(self, now_ns: int, job_id: int) -> None:
        """Forget a job; unknown and finished jobs are ignored."""
        self._catch_up(now_ns)
        member = self._holders.pop(job_id, None)
        if member is not None:
            member.cancel(now_ns, job_id)

    def lose(self, now_ns: int, member: LiveWorker, *, closes: bool) -> None:
        """Stop a worker; with `closes` its jobs end as lost, otherwise nothing is heard of them again."""
        self._catch_up(now_ns)
        if not member.works:
            return
        member.lost_ns = now_ns
        self._events.append(WorkerLost(now_ns, member.name, member.lane))
        for job_id in [held for held, holder in self._holders.items() if closes and holder is member]:
            del self._holders[job_id]
            member.cancel(now_ns, job_id)
            self._events.append(Lost(now_ns, job_id))

    def break_model(self, now_ns: int, model: str) -> None:
        """From now on nobody has the model, nor can load it."""
        self._catch_up(now_ns)
        self._failed.add(model)
        for member in self._members:
            member.unload(model)

    def mend_model(self, now_ns: int, model: str) -> None:
        """The model can be loaded again, and is where jobs wait for it."""
        self._catch_up(now_ns)
        self._failed.discard(model)
        for member in self._members:
            if any(job.model == model for job in member.parked):
                member.load(now_ns, model, self._rules.model_load_ns)

    def next_ns(self) -> int | None:
        """The instant of the next event or internal step, None when nothing is under way."""
        if self._events:
            return self._events[0].at_ns
        instants = [starting.ready_ns for starting in self._starting]
        for member in self._members:
            if member.lost_ns is not None:
                instants.append(self._noticed_ns(member, member.lost_ns))
                continue
            due_ns = member.worker.next_ns()
            instants += member.loading.values() if due_ns is None else (due_ns, *member.loading.values())
        return min(instants, default=None)

    def advance(self, now_ns: int) -> list[Event]:
        """Everything that happened since the last call up to `now_ns`, in order of time."""
        self._catch_up(now_ns)
        events, self._events = self._events, []
        return events

    def _catch_up(self, now_ns: int) -> None:
        self._finish_loads(now_ns)
        for member in self._members:
            if member.works:
                self._book(member, now_ns)
        for starting in [s for s in self._starting if s.ready_ns <= now_ns]:
            self._starting.remove(starting)
            self._join(starting.ready_ns, starting.name, starting.lane)
        self._notice_losses(now_ns)
        self._events.sort(key=lambda event: event.at_ns)

    def _finish_loads(self, now_ns: int) -> None:
        for member in self._members:
            if not (member.loading and member.works):
                continue
            for at_ns, model in member.due_loads(now_ns):
                self._book(member, at_ns)
                for job in member.unpark(model):
                    member.worker.submit(at_ns, job)

    def _book(self, member: LiveWorker, now_ns: int) -> None:
        fresh = member.worker.advance(now_ns)
        for event in fresh:
            if type(event) is not Chunk:
                self._holders.pop(event.job_id, None)
        self._events += fresh

    def _notice_losses(self, now_ns: int) -> None:
        for member in [m for m in self._members if m.lost_ns is not None]:
            due_ns = self._noticed_ns(member, member.lost_ns or 0)
            if due_ns > now_ns:
                continue
            if member.healthy:
                member.healthy = False
                self._events.append(WorkerGone(due_ns, member.name, member.lane))
            else:
                self._members.remove(member)

    def _noticed_ns(self, member: LiveWorker, lost_ns: int) -> int:
        """When the gateway next changes its mind about a lost worker."""
        return lost_ns + self._rules.heartbeat_loss_ns * (1 if member.healthy else _LISTED_HEARTBEATS)

    def _pending(self, pool: str) -> int:
        if self._rules.most_pending == float("inf"):
            return 0
        return sum(member.pending for member in self._members if member.lane.pool == pool)

    def _place(self, now_ns: int, job: Job) -> Verdict:
        candidates = self._candidates(job.lane)
        working = [member for member in candidates if member.works and self._fits(member, job)]
        if not working:
            self._park(candidates[0], job)
            return Verdict.LIVE
        idlest = min(working, key=lambda member: member.pending)
        if job.model not in self._failed:
            idlest.load(now_ns, job.model, self._rules.model_load_ns)
            self._finish_loads(now_ns)
        ready = [member for member in working if job.model in member.loaded]
        if ready:
            chosen = min(ready, key=lambda member: member.pending)
            self._holders[job.id] = chosen
            chosen.worker.submit(now_ns, job)
        elif self._rules.generation_waits and not job.item_tokens:
            self._park(idlest, job)
        else:
            return Verdict.LOAD_FAILED if job.model in self._failed else Verdict.LOADING
        return Verdict.LIVE

    def _has_room(self, job: Job) -> bool:
        return any(self._fits(member, job) for member in self._candidates(job.lane))

    def _fits(self, member: LiveWorker, job: Job) -> bool:
        """Whether the worker's memory holds this job, were it alone."""
        if job.item_tokens:
            return True
        key = (member.lane.profile, job.model)
        if key not in self._room_tokens:
            chip, card = self.catalog.chips[key[0]], self.catalog.cards[key[1]]
            self._room_tokens[key] = cache_tokens(chip, card) // BLOCK_TOKENS * BLOCK_TOKENS
        return job.longest_tokens <= self._room_tokens[key]

    def _park(self, member: LiveWorker, job: Job) -> None:
        self._holders[job.id] = member
        member.parked.append(job)

    def _candidates(self, lane: Lane) -> list[LiveWorker]:
        """The lane's own workers; failing them any of the pool and bundle, unless lanes are exact."""
        near = [w for w in self.live if w.lane.pool == lane.pool and w.lane.bundle == lane.bundle]
        own = [w for w in near if w.lane.profile == lane.profile]
        return own if self._rules.exact_lanes and lane.profile else own or near

    def _wanted(self, lane: Lane) -> Lane:
        """The lane that demand for this one wakes."""
        if lane.profile or not self._rules.exact_lanes or self._candidates(lane):
            return lane
        near = (s.lane for s in self._specs.values() if s.most)
        return next((n for n in near if (n.pool, n.bundle) == (lane.pool, lane.bundle)), lane)

    def _wake(self, now_ns: int, lane: Lane) -> None:
        spec = self._specs.get(lane)
        if spec is None or spec.most == 0:
            return
        if any(w.lane == lane for w in self.live) or any(s.lane == lane for s in self._starting):
            return
        name = self._name(lane)
        self._starting.append(_Starting(name, lane, now_ns + cold_start_ns(self._rng, self._scale)))
        self._events.append(WorkerStarting(now_ns, name, lane))

    def _join(self, now_ns: int, name: str, lane: Lane) -> None:
        jitter, sigma = Random(f"{self._seed}-{name}"), self._rules.step_jitter
        worker = make_worker(lane, self.catalog, jitter=jitter, jitter_sigma=sigma)
        member = LiveWorker(name, lane, worker)
        if not self._rules.model_load_ns:
            member.loaded |= {
                card.name for card in self.catalog.cards.values() if card.bundle == lane.bundle
            } - self._failed
        self._members.append(member)
        self._events.append(WorkerReady(now_ns, name, lane))

    def _name(self, lane: Lane) -> str:
        self._made += 1
        return f"{lane.pool}-{lane.profile}-{lane.bundle}-{self._made}"

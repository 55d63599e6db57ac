"""All workers of all lanes behind one interface: who serves a job, and what happens when."""

from collections.abc import Sequence
from hashlib import blake2b

from bench.sim.model.catalog import SHIPPED, Catalog
from bench.sim.model.jobs import (
    Chunk,
    Event,
    Job,
    Lane,
    Lost,
    Verdict,
    WorkerLost,
)
from bench.sim.model.lanes import DEFAULT_POOL, LaneSpec
from bench.sim.model.members import LiveWorker, ModelState
from bench.sim.model.memory import BLOCK_TOKENS
from bench.sim.model.roster import Roster
from bench.sim.model.rules import Rules
from bench.sim.model.step import cache_tokens


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
        self._rules = rules or Rules()
        self._roster = Roster(lanes, self._rules, seed, cold_start_scale, start_ns, catalog)
        self._members = self._roster.members
        self._failed = self._roster.failed
        self._holders: dict[int, LiveWorker] = {}
        self._room_tokens: dict[tuple[str, str], int] = {}
        self._events: list[Event] = []
        self.at_ns = start_ns
        """Up to when everything has happened."""

    @property
    def live(self) -> tuple[LiveWorker, ...]:
        """The workers that the gateway believes in service, oldest first."""
        return tuple(member for member in self._members if member.serves)

    @property
    def known(self) -> tuple[LiveWorker, ...]:
        """The same with those that drain or whose heartbeats are missing."""
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
        self._roster.wake(now_ns, self._wanted(lane))
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
        if closes:
            self._close(now_ns, member)

    def _close(self, now_ns: int, member: LiveWorker) -> None:
        """End the jobs of a worker as lost."""
        for job_id in [held for held, holder in self._holders.items() if holder is member]:
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
        if self._events or self._roster.events:
            return min(event.at_ns for event in (*self._events[:1], *self._roster.events))
        instants = [] if (due_ns := self._roster.next_ns(self.at_ns)) is None else [due_ns]
        for member in self._members:
            if member.works:
                instants += member.loading.values()
                if (due_ns := member.worker.next_ns()) is not None:
                    instants.append(due_ns)
        return min(instants, default=None)

    def advance(self, now_ns: int) -> list[Event]:
        """Everything that happened since the last call up to `now_ns`, in order of time."""
        self._catch_up(now_ns)
        events, self._events = self._events, []
        return events

    def _catch_up(self, now_ns: int) -> None:
        while (due_ns := self._roster.decision_ns(self.at_ns)) is not None and due_ns <= now_ns:
            self._settle(due_ns)
            for member in self._roster.decide(self.at_ns, due_ns):
                self._close(due_ns, member)
                self._roster.part(due_ns, member)
            self.at_ns = due_ns
        self._settle(now_ns)
        self.at_ns = max(self.at_ns, now_ns)
        self._events += self._roster.events
        self._roster.events.clear()
        self._events.sort(key=_instant)

    def _settle(self, now_ns: int) -> None:
        """Let the workers compute, and come and go, up to this instant."""
        self._finish_loads(now_ns)
        for member in tuple(self._members):
            if member.works:
                self._book(member, now_ns)
        self._roster.settle(now_ns)

    def _finish_loads(self, now_ns: int) -> None:
        for member in tuple(self._members):
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
        if member.drained_ns is not None and not member.pending:
            self._roster.part(max(member.drained_ns, fresh[-1].at_ns) if fresh else now_ns, member)

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
            chosen = _choose(job, ready)
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
        return self._roster.first_lane(lane.pool, lane.bundle) or lane


def _choose(job: Job, ready: Sequence[LiveWorker]) -> LiveWorker:
    """The worker of the job's key by highest random weight, or the one that has least to do."""
    free = [member for member in ready if not member.worker.saturated] if job.routing_key else []
    if free:
        return max(free, key=lambda member: _weight(job.routing_key, member.name))
    return min(ready, key=lambda member: member.pending)


def _weight(key: str, name: str) -> bytes:
    return blake2b(f"{key}\0{name}".encode(errors="replace"), digest_size=8).digest()


def _instant(event: Event) -> int:
    return event.at_ns

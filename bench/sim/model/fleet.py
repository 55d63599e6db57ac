"""All workers of all lanes behind one interface: who serves a job, and what happens when."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bench.sim.model.coldstart import cold_start_ns
from bench.sim.model.jobs import Event, Finished, ItemsDone, Job, Lane, Verdict, WorkerReady, WorkerStarting
from bench.sim.model.lanes import DEFAULT_POOL, LaneSpec
from bench.sim.model.workers import Worker, make_worker


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker in service."""

    name: str
    lane: Lane
    worker: Worker


@dataclass(frozen=True, slots=True)
class _Starting:
    name: str
    lane: Lane
    ready_ns: int


class Fleet:
    """Deterministic from its lanes, seed and inputs.  Reads no clock: every call is told the time (ns).

    Calls must come in order of time.  `next_ns` is when something happens next if nothing is submitted;
    `advance(now_ns)` makes everything up to `now_ns` happen and returns it in order of time.

    With `exact_lanes` only a lane's own workers serve it, and demand without a profile wakes the first lane
    of its pool and bundle; without, any worker of pool and bundle stands in, and such demand wakes nothing.
    """

    def __init__(
        self,
        lanes: Sequence[LaneSpec],
        *,
        seed: int = 1,
        cold_start_scale: float = 1.0,
        start_ns: int = 0,
        exact_lanes: bool = False,
    ) -> None:
        self._specs = {spec.lane: spec for spec in lanes}
        self._rng = Random(seed)
        self._scale = cold_start_scale
        self._exact = exact_lanes
        self._live: list[LiveWorker] = []
        self._starting: list[_Starting] = []
        self._holders: dict[int, Worker] = {}
        self._events: list[Event] = []
        self._made = 0
        for spec in lanes:
            for _ in range(spec.fewest):
                self._join(start_ns, self._name(spec.lane), spec.lane)

    @property
    def live(self) -> tuple[LiveWorker, ...]:
        """The workers in service, oldest first."""
        return tuple(self._live)

    def demand(self, now_ns: int, lane: Lane) -> Verdict:
        """Whether the lane (profile "" means any) can serve now; an empty lane starts a worker."""
        self._catch_up(now_ns)
        self._wake(now_ns, self._wanted(lane))
        if self._candidates(lane):
            return Verdict.LIVE
        return Verdict.COLD if lane.pool == DEFAULT_POOL else Verdict.NO_CONSUMERS

    def submit(self, now_ns: int, job: Job) -> Verdict:
        """Give the job to the least loaded worker that may serve it; it is taken only if LIVE."""
        verdict = self.demand(now_ns, job.lane)
        if verdict is Verdict.LIVE:
            worker = min(self._candidates(job.lane), key=lambda live: live.worker.depth).worker
            self._holders[job.id] = worker
            worker.submit(now_ns, job)
        return verdict

    def cancel(self, now_ns: int, job_id: int) -> None:
        """Forget a job; unknown and finished jobs are ignored."""
        self._catch_up(now_ns)
        worker = self._holders.pop(job_id, None)
        if worker is not None:
            worker.cancel(job_id)

    def next_ns(self) -> int | None:
        """The instant of the next event or internal step, None when nothing is under way."""
        if self._events:
            return self._events[0].at_ns
        instants = [due for live in self._live if (due := live.worker.next_ns()) is not None]
        instants += [starting.ready_ns for starting in self._starting]
        return min(instants, default=None)

    def advance(self, now_ns: int) -> list[Event]:
        """Everything that happened since the last call up to `now_ns`, in order of time."""
        self._catch_up(now_ns)
        events, self._events = self._events, []
        return events

    def _catch_up(self, now_ns: int) -> None:
        fresh: list[Event] = []
        for live in self._live:
            fresh += live.worker.advance(now_ns)
        for event in fresh:
            if isinstance(event, Finished | ItemsDone):
                self._holders.pop(event.job_id, None)
        self._events += fresh
        for starting in [s for s in self._starting if s.ready_ns <= now_ns]:
            self._starting.remove(starting)
            self._join(starting.ready_ns, starting.name, starting.lane)
        self._events.sort(key=lambda event: event.at_ns)

    def _candidates(self, lane: Lane) -> list[LiveWorker]:
        """The lane's own workers; failing them any of the pool and bundle, unless lanes are exact."""
        near = [w for w in self._live if w.lane.pool == lane.pool and w.lane.bundle == lane.bundle]
        own = [w for w in near if w.lane.profile == lane.profile]
        return own if self._exact and lane.profile else own or near

    def _wanted(self, lane: Lane) -> Lane:
        """The lane that demand for this one wakes."""
        if lane.profile or not self._exact or self._candidates(lane):
            return lane
        near = (s.lane for s in self._specs.values() if s.most)
        return next((n for n in near if (n.pool, n.bundle) == (lane.pool, lane.bundle)), lane)

    def _wake(self, now_ns: int, lane: Lane) -> None:
        spec = self._specs.get(lane)
        if spec is None or spec.most == 0:
            return
        if any(w.lane == lane for w in self._live) or any(s.lane == lane for s in self._starting):
            return
        name = self._name(lane)
        self._starting.append(_Starting(name, lane, now_ns + cold_start_ns(self._rng, self._scale)))
        self._events.append(WorkerStarting(now_ns, name, lane))

    def _join(self, now_ns: int, name: str, lane: Lane) -> None:
        self._live.append(LiveWorker(name, lane, make_worker(lane)))
        self._events.append(WorkerReady(now_ns, name, lane))

    def _name(self, lane: Lane) -> str:
        self._made += 1
        return f"{lane.pool}-{lane.profile}-{lane.bundle}-{self._made}"

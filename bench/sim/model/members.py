"""One worker as the gateway knows it: what it has loaded, and whether it still breathes."""

from dataclasses import dataclass, field
from typing import Literal

from bench.sim.model.jobs import Job, Lane
from bench.sim.model.workers import Worker

ModelState = Literal["available", "loading", "loaded", "failed"]


@dataclass(slots=True, eq=False)
class LiveWorker:
    """A worker in service, or one that the gateway has not yet noticed to be lost."""

    name: str
    lane: Lane
    worker: Worker
    healthy: bool = True
    """False once its heartbeat has been missing for long enough."""
    lost_ns: int | None = None
    interrupted_ns: int | None = None
    """When its spot node will be called back; None where it is not."""
    drained_ns: int | None = None
    """When it stopped to take jobs, because it must go."""
    leaves_ns: int = 0
    """When it goes, done or not."""
    loading: dict[str, int] = field(default_factory=dict)
    """Instants at which models will be loaded."""
    loaded: set[str] = field(default_factory=set)
    parked: list[Job] = field(default_factory=list)
    """Generations whose model is not loaded."""

    @property
    def works(self) -> bool:
        """Whether it takes jobs and makes progress."""
        return self.lost_ns is None

    @property
    def serves(self) -> bool:
        """Whether the gateway gives it jobs."""
        return self.healthy and self.drained_ns is None

    def drain(self, now_ns: int, patience_ns: int) -> None:
        """Take no more jobs, and go when all are done or after this time."""
        self.drained_ns, self.leaves_ns = now_ns, now_ns + patience_ns

    @property
    def pending(self) -> int:
        """Jobs or items that it holds and has not answered."""
        return self.worker.depth + len(self.parked)

    def state(self, model: str) -> ModelState:
        """Where a model of its bundle stands, failures apart."""
        if model in self.loaded:
            return "loaded"
        return "loading" if model in self.loading else "available"

    def load(self, now_ns: int, model: str, load_ns: int) -> None:
        """Begin to load a model, unless that has begun."""
        if model not in self.loaded:
            self.loading.setdefault(model, now_ns + load_ns)

    def unload(self, model: str) -> None:
        """Forget a model."""
        self.loaded.discard(model)
        self.loading.pop(model, None)

    def due_loads(self, now_ns: int) -> list[tuple[int, str]]:
        """The loads that end by now, in order of time; from now on those models are loaded."""
        due = sorted((at_ns, model) for model, at_ns in self.loading.items() if at_ns <= now_ns)
        for _, model in due:
            del self.loading[model]
            self.loaded.add(model)
        return due

    def unpark(self, model: str) -> list[Job]:
        """Take out the jobs that waited for this model."""
        ready = [job for job in self.parked if job.model == model]
        self.parked = [job for job in self.parked if job.model != model]
        return ready

    def cancel(self, now_ns: int, job_id: int) -> None:
        """Forget a job wherever it is."""
        self.parked = [job for job in self.parked if job.id != job_id]
        self.worker.cancel(now_ns, job_id)

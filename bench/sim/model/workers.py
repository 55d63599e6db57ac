"""What a worker is, and how one is made for a lane."""

from random import Random
from typing import Protocol

from bench.sim.model.cards import GENERATION_BUNDLE
from bench.sim.model.catalog import Catalog
from bench.sim.model.encoder import EncodeWorker
from bench.sim.model.generator import GenerationWorker
from bench.sim.model.jobs import Job, JobEvent, Lane


class Worker(Protocol):
    """A GPU with its queue; time is handed in and never runs backwards."""

    slowness: float
    """The next steps take this many times as long as the hardware needs."""
    busy_ns: int
    """What the GPU has computed so far, the step or batch under way counted whole."""

    def submit(self, now_ns: int, job: Job) -> None:
        """Take a job at this instant."""

    def cancel(self, now_ns: int, job_id: int, /) -> None:
        """Forget a job at this instant."""

    def next_ns(self) -> int | None:
        """The instant of the next change, None when there is nothing to do."""

    def advance(self, now_ns: int) -> list[JobEvent]:
        """Everything that happens up to and at this instant, in order."""

    @property
    def depth(self) -> int:
        """Jobs or items waiting or in service."""

    @property
    def saturated(self) -> bool:
        """Whether work that may go elsewhere had better do so."""


def make_worker(lane: Lane, catalog: Catalog, *, jitter: Random, jitter_sigma: float = 0.0) -> Worker:
    """A fresh idle worker of this lane; steps vary with `jitter_sigma` (lognormal) around their mean."""
    chip = catalog.chips[lane.profile]
    if lane.bundle == GENERATION_BUNDLE:
        return GenerationWorker(chip, catalog.cards, jitter, jitter_sigma)
    return EncodeWorker(chip, catalog.cards, jitter, jitter_sigma)

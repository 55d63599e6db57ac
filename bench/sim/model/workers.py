"""The two kinds of worker: one that generates step by step, one that encodes batch by batch."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from bench.sim.model.cards import CARDS, GENERATION_BUNDLE
from bench.sim.model.chips import CHIPS, Chip
from bench.sim.model.engine import Engine
from bench.sim.model.jobs import ItemsDone, Job, JobEvent, Lane
from bench.sim.model.step import batch_s

# The dynamic batcher of the maker's worker (`gpu-model.md` section 5.2).
_BATCH_TOKENS = 16_384
_BATCH_WORK = 12
_BATCH_WAIT_NS = 15_000_000


class Worker(Protocol):
    """A GPU with its queue; time is handed in and never runs backwards."""

    slowness: float
    """The next steps take this many times as long as the hardware needs."""

    def submit(self, now_ns: int, job: Job) -> None:
        """Take a job at this instant."""

    def cancel(self, job_id: int) -> None:
        """Forget a job."""

    def next_ns(self) -> int | None:
        """The instant of the next change, None when there is nothing to do."""

    def advance(self, now_ns: int) -> list[JobEvent]:
        """Everything that happens up to and at this instant, in order."""

    @property
    def depth(self) -> int:
        """Jobs or items waiting or in service."""


def make_worker(lane: Lane) -> Worker:
    """A fresh idle worker of this lane."""
    chip = CHIPS[lane.profile]
    return GenerationWorker(chip) if lane.bundle == GENERATION_BUNDLE else EncodeWorker(chip)


class GenerationWorker:
    """One engine a model; the GPU runs one engine's step at a time, the engines taking turns."""

    def __init__(self, chip: Chip) -> None:
        self.slowness = 1.0
        self._chip = chip
        self._engines: dict[str, Engine] = {}
        self._turns: deque[Engine] = deque()
        self._busy: Engine | None = None
        self._ends_ns = 0

    def submit(self, now_ns: int, job: Job) -> None:
        """Queue the job at its model's engine and start a step if the GPU is idle."""
        engine = self._engines.get(job.model)
        if engine is None:
            engine = self._engines[job.model] = Engine(self._chip, CARDS[job.model])
            self._turns.append(engine)
        engine.submit(job)
        if self._busy is None:
            self._start(now_ns)

    def cancel(self, job_id: int) -> None:
        """Forget a job; a step under way keeps its length."""
        for engine in self._turns:
            engine.cancel(job_id)

    def next_ns(self) -> int | None:
        """The end of the step under way."""
        return self._ends_ns if self._busy else None

    def advance(self, now_ns: int) -> list[JobEvent]:
        """End every step due by now, each followed at once by the next."""
        events: list[JobEvent] = []
        while self._busy and self._ends_ns <= now_ns:
            events += self._busy.end_step(self._ends_ns)
            self._start(self._ends_ns)
        return events

    @property
    def depth(self) -> int:
        """Jobs waiting or running."""
        return sum(engine.depth for engine in self._turns)

    def _start(self, now_ns: int) -> None:
        self._busy = None
        for engine in tuple(self._turns):
            self._turns.rotate(-1)
            length_ns = engine.begin_step(now_ns)
            if length_ns is not None:
                self._busy, self._ends_ns = engine, now_ns + round(length_ns * self.slowness)
                return


@dataclass(frozen=True, slots=True)
class _Work:
    """What the batcher handles: one item to encode or extract from, or one whole score request."""

    job: Job
    arrived_ns: int
    lengths: tuple[int, ...]


@dataclass(slots=True)
class _Progress:
    left: int
    queue_ns: int = 0
    inference_ns: int = 0


class EncodeWorker:
    """A dynamic batcher bounded by tokens, work items and waiting time, one batch on the GPU at a time."""

    def __init__(self, chip: Chip) -> None:
        self.slowness = 1.0
        self._chip = chip
        self._queue: deque[_Work] = deque()
        self._jobs: dict[int, _Progress] = {}
        self._batch: list[_Work] = []
        self._began_ns = 0
        self._ends_ns = 0

    def submit(self, now_ns: int, job: Job) -> None:
        """Queue the job's items; the first to find the worker idle goes at once."""
        idle = not self._batch and not self._queue
        alone = CARDS[job.model].kind != "score"
        parts = [(length,) for length in job.item_tokens] if alone else [job.item_tokens]
        self._jobs[job.id] = _Progress(len(parts))
        self._queue.extend(_Work(job, now_ns, part) for part in parts)
        if idle or (not self._batch and self._full()):
            self._start(now_ns)

    def cancel(self, job_id: int) -> None:
        """Forget what still waits; a batch under way is computed to its end."""
        self._queue = deque(work for work in self._queue if work.job.id != job_id)
        self._jobs.pop(job_id, None)

    def next_ns(self) -> int | None:
        """The end of the batch under way, or the instant when the oldest item has waited long enough."""
        if self._batch:
            return self._ends_ns
        return self._queue[0].arrived_ns + _BATCH_WAIT_NS if self._queue else None

    def advance(self, now_ns: int) -> list[JobEvent]:
        """End and start every batch due by now."""
        events: list[JobEvent] = []
        while (due_ns := self.next_ns()) is not None and due_ns <= now_ns:
            if self._batch:
                events += self._finish()
                if self._queue and (self._full() or self._queue[0].arrived_ns + _BATCH_WAIT_NS <= due_ns):
                    self._start(due_ns)
            else:
                self._start(due_ns)
        return events

    @property
    def depth(self) -> int:
        """Work items waiting or on the GPU."""
        return len(self._queue) + len(self._batch)

    def _full(self) -> bool:
        if len(self._queue) >= _BATCH_WORK:
            return True
        return sum(sum(work.lengths) for work in self._queue) >= _BATCH_TOKENS

    def _start(self, now_ns: int) -> None:
        model = self._queue[0].job.model
        tokens = 0
        skipped: deque[_Work] = deque()
        while self._queue and len(self._batch) < _BATCH_WORK and tokens < _BATCH_TOKENS:
            work = self._queue.popleft()
            if work.job.model != model or (self._batch and tokens + sum(work.lengths) > _BATCH_TOKENS):
                skipped.append(work)
                continue
            self._batch.append(work)
            tokens += sum(work.lengths)
        self._queue.extendleft(reversed(skipped))
        lengths = [length for work in self._batch for length in work.lengths]
        self._began_ns = now_ns
        self._ends_ns = now_ns + round(batch_s(self._chip, CARDS[model], lengths) * self.slowness * 1e9)

    def _finish(self) -> list[JobEvent]:
        events: list[JobEvent] = []
        for work in self._batch:
            progress = self._jobs.get(work.job.id)
            if progress is None:
                continue
            progress.left -= 1
            progress.queue_ns = max(progress.queue_ns, self._began_ns - work.arrived_ns)
            progress.inference_ns = max(progress.inference_ns, self._ends_ns - self._began_ns)
            if not progress.left:
                del self._jobs[work.job.id]
                events.append(ItemsDone(self._ends_ns, work.job.id, progress.queue_ns, progress.inference_ns))
        self._batch = []
        return events

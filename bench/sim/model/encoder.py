"""A worker that encodes, scores and extracts batch by batch."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from bench.sim.model.cards import Card
from bench.sim.model.chips import Chip
from bench.sim.model.jitter import Jitter
from bench.sim.model.jobs import ItemsDone, Job, JobEvent
from bench.sim.model.step import batch_s


@dataclass(frozen=True, slots=True)
class _Work:
    """What the batcher handles: one item to encode or extract from, or one whole score request."""

    job: Job
    arrived_ns: int
    lengths: tuple[int, ...]

    @property
    def tokens(self) -> int:
        return sum(self.lengths)


@dataclass(frozen=True, slots=True)
class _Batch:
    work: list[_Work]
    began_ns: int
    ends_ns: int


@dataclass(slots=True)
class _Progress:
    left: int
    queue_ns: int = 0
    inference_ns: int = 0


class EncodeWorker:
    """A dynamic batcher bounded by tokens, work items and waiting time.

    One batch is on the GPU at a time; behind it as many are closed as the pipeline is deep, each of which
    starts at once when the GPU is free.
    """

    def __init__(
        self, chip: Chip, cards: Mapping[str, Card], jitter: Random, jitter_sigma: float = 0.0
    ) -> None:
        self.slowness = 1.0
        self.busy_ns = 0
        self._chip = chip
        self._cards = cards
        self._jitter = Jitter(jitter, jitter_sigma)
        self._wait_ns = round(chip.batch_wait_s * 1e9)
        self._queue: deque[_Work] = deque()
        self._queued_tokens = 0
        self._jobs: dict[int, _Progress] = {}
        self._pipeline: deque[_Batch] = deque()
        self._freed_ns = 0
        """When a batch last ended."""

    def submit(self, now_ns: int, job: Job) -> None:
        """Queue the job's items; the first to find the worker idle goes at once."""
        idle = not self._pipeline and not self._queue
        alone = self._cards[job.model].kind != "score"
        parts = [(length,) for length in job.item_tokens] if alone else [job.item_tokens]
        self._jobs[job.id] = _Progress(len(parts))
        self._queue.extend(_Work(job, now_ns, part) for part in parts)
        self._queued_tokens += sum(job.item_tokens)
        if idle:
            self._close(now_ns)
        self._close_full(now_ns)

    def cancel(self, _now_ns: int, job_id: int, /) -> None:
        """Forget what still waits; closed batches are computed to their end."""
        self._queue = deque(work for work in self._queue if work.job.id != job_id)
        self._queued_tokens = sum(work.tokens for work in self._queue)
        self._jobs.pop(job_id, None)

    def next_ns(self) -> int | None:
        """The end of the batch on the GPU, or when the oldest item has waited long enough to close one."""
        ends_ns = self._pipeline[0].ends_ns if self._pipeline else None
        if not self._queue or len(self._pipeline) >= self._chip.pipeline_depth:
            return ends_ns
        waited_ns = self._queue[0].arrived_ns + self._wait_ns
        return waited_ns if ends_ns is None else min(ends_ns, waited_ns)

    def advance(self, now_ns: int) -> list[JobEvent]:
        """End and start every batch due by now."""
        events: list[JobEvent] = []
        while (due_ns := self.next_ns()) is not None and due_ns <= now_ns:
            due_ns = max(due_ns, self._freed_ns)
            if self._pipeline and self._pipeline[0].ends_ns <= due_ns:
                events += self._finish()
            elif self._queue:
                self._close(due_ns)
            self._close_full(due_ns)
        return events

    @property
    def depth(self) -> int:
        """Work items waiting or on the GPU."""
        return len(self._queue) + sum(len(batch.work) for batch in self._pipeline)

    @property
    def saturated(self) -> bool:
        """Never: only generation has a key-value memory to fill."""
        return False

    def _close_full(self, now_ns: int) -> None:
        """Close what has enough for a batch, as far as the pipeline goes."""
        while len(self._pipeline) < self._chip.pipeline_depth and self._full():
            self._close(now_ns)

    def _full(self) -> bool:
        return len(self._queue) >= self._chip.batch_work or self._queued_tokens >= self._chip.batch_tokens

    def _close(self, now_ns: int) -> None:
        """Make a batch of the oldest work of the oldest model, and give it to the GPU."""
        work = self._take()
        lengths = [length for part in work for length in part.lengths]
        mean_s = batch_s(self._chip, self._cards[work[0].job.model], lengths)
        length_ns = round(self._jitter.drawn_s(mean_s) * self.slowness * 1e9)
        began_ns = max(now_ns, self._pipeline[-1].ends_ns) if self._pipeline else now_ns
        self.busy_ns += length_ns
        self._pipeline.append(_Batch(work, began_ns, began_ns + length_ns))

    def _take(self) -> list[_Work]:
        """Work for one batch out of the queue; what is too large for any goes alone."""
        model, tokens = self._queue[0].job.model, 0
        taken: list[_Work] = []
        left: deque[_Work] = deque()
        while self._queue and len(taken) < self._chip.batch_work and tokens < self._chip.batch_tokens:
            work = self._queue.popleft()
            if work.job.model != model or (taken and tokens + work.tokens > self._chip.batch_tokens):
                left.append(work)
                continue
            taken.append(work)
            tokens += work.tokens
        self._queue.extendleft(reversed(left))
        self._queued_tokens -= tokens
        return taken

    def _finish(self) -> list[JobEvent]:
        batch = self._pipeline.popleft()
        self._freed_ns = batch.ends_ns
        events: list[JobEvent] = []
        for work in batch.work:
            progress = self._jobs.get(work.job.id)
            if progress is None:
                continue
            progress.left -= 1
            progress.queue_ns = max(progress.queue_ns, batch.began_ns - work.arrived_ns)
            progress.inference_ns = max(progress.inference_ns, batch.ends_ns - batch.began_ns)
            if not progress.left:
                del self._jobs[work.job.id]
                events.append(ItemsDone(batch.ends_ns, work.job.id, progress.queue_ns, progress.inference_ns))
        return events

"""One generation engine: continuous batching of one model, first come first served."""

from collections import deque
from dataclasses import dataclass, field

from bench.sim.model.cards import Card
from bench.sim.model.chips import Chip
from bench.sim.model.jobs import CHARACTERS_PER_TOKEN, Chunk, Finished, Job, JobEvent
from bench.sim.model.step import StepLoad, cache_budget_tokens, step_s

_MAX_SEQUENCES = 256
# The real worker's flush rule, checked whenever a token arrives (wire contract, section 6.6).
_FLUSH_TOKENS = 32 // CHARACTERS_PER_TOKEN
_FLUSH_NS = 50_000_000


@dataclass(slots=True, eq=False)
class _Sequence:
    job: Job
    started_ns: int
    flushed_ns: int
    prefilled_tokens: int = 0
    chunk_tokens: int = 0
    emitted_tokens: int = 0
    pending_tokens: int = 0
    first_text_ns: int = 0

    @property
    def reserved_tokens(self) -> int:
        return self.job.prompt_tokens + self.job.max_new_tokens


@dataclass(slots=True)
class Engine:
    """Sequences of one model on one chip; the caller says when a step begins."""

    chip: Chip
    card: Card
    _waiting: deque[Job] = field(default_factory=deque)
    _running: list[_Sequence] = field(default_factory=list)
    _reserved_tokens: int = 0

    def submit(self, job: Job) -> None:
        """Queue a job; the next step may admit it."""
        self._waiting.append(job)

    def cancel(self, job_id: int) -> None:
        """Forget a job wherever it is."""
        self._waiting = deque(job for job in self._waiting if job.id != job_id)
        for sequence in [s for s in self._running if s.job.id == job_id]:
            self._release(sequence)

    @property
    def depth(self) -> int:
        """Jobs waiting or running."""
        return len(self._waiting) + len(self._running)

    def begin_step(self, now_ns: int) -> int | None:
        """Plan a step; its length in ns, or None when there is nothing to do."""
        load = StepLoad()
        for sequence in self._running:
            self._plan(sequence, load)
        while self._waiting and self._admits(self._waiting[0], load):
            sequence = _Sequence(self._waiting.popleft(), now_ns, now_ns)
            self._running.append(sequence)
            self._reserved_tokens += sequence.reserved_tokens
            self._plan(sequence, load)
        return round(step_s(self.chip, self.card, load) * 1e9) if load.tokens else None

    def end_step(self, now_ns: int) -> list[JobEvent]:
        """Hand out what the step computed."""
        events: list[JobEvent] = []
        for sequence in list(self._running):
            if sequence.chunk_tokens and self._computed(sequence):
                self._emit(sequence, now_ns, events)
            sequence.chunk_tokens = 0
        return events

    def _plan(self, sequence: _Sequence, load: StepLoad) -> None:
        prompt_left = sequence.job.prompt_tokens - sequence.prefilled_tokens
        room_tokens = self.chip.step_budget_tokens - load.tokens
        sequence.chunk_tokens = min(max(prompt_left, 1), room_tokens)
        if not sequence.chunk_tokens:
            return
        context_tokens = sequence.prefilled_tokens + sequence.emitted_tokens
        load.tokens += sequence.chunk_tokens
        load.sequences += 1
        load.emitting += sequence.chunk_tokens >= prompt_left
        load.context_tokens += context_tokens
        if prompt_left > 0:
            load.attention_pairs += sequence.chunk_tokens * (context_tokens + sequence.chunk_tokens / 2)

    def _admits(self, job: Job, load: StepLoad) -> bool:
        if not self._running:
            return True
        needed_tokens = self._reserved_tokens + job.prompt_tokens + job.max_new_tokens
        return (
            load.tokens < self.chip.step_budget_tokens
            and len(self._running) < _MAX_SEQUENCES
            and needed_tokens <= cache_budget_tokens(self.chip, self.card)
        )

    @staticmethod
    def _computed(sequence: _Sequence) -> bool:
        """Book the step's tokens; whether they end in a new token."""
        if sequence.prefilled_tokens < sequence.job.prompt_tokens:
            sequence.prefilled_tokens += sequence.chunk_tokens
        return sequence.prefilled_tokens >= sequence.job.prompt_tokens

    def _emit(self, sequence: _Sequence, now_ns: int, events: list[JobEvent]) -> None:
        sequence.emitted_tokens += 1
        sequence.pending_tokens += 1
        if sequence.pending_tokens >= _FLUSH_TOKENS or now_ns - sequence.flushed_ns >= _FLUSH_NS:
            sequence.first_text_ns = sequence.first_text_ns or now_ns
            events.append(Chunk(now_ns, sequence.job.id, sequence.pending_tokens))
            sequence.pending_tokens, sequence.flushed_ns = 0, now_ns
        if sequence.emitted_tokens >= sequence.job.max_new_tokens:
            self._release(sequence)
            ttft_ns = (sequence.first_text_ns or now_ns) - sequence.started_ns
            events.append(Finished(now_ns, sequence.job.id, sequence.pending_tokens, ttft_ns))

    def _release(self, sequence: _Sequence) -> None:
        self._running.remove(sequence)
        self._reserved_tokens -= sequence.reserved_tokens

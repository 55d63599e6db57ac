"""One generation engine: continuous batching of one model, scheduled as vLLM V1 does.

Each step gives every decoding sequence its token, goes on with the prompt that is half computed, and then, if
nobody had to be preempted, admits waiting jobs, first come first served, while tokens, sequences and memory
last.  A sequence for which there is no block preempts the newest one, which gives up its memory and starts
from scratch at the head of the queue.

A step costs what changes in it and not what runs: decoding sequences all advance by one token a step, so the
steps at which each needs a block or ends are known when it begins to decode.
"""

from collections import deque
from dataclasses import dataclass, field

from bench.sim.model.cards import Card
from bench.sim.model.chips import Chip
from bench.sim.model.flush import Flusher, Text
from bench.sim.model.jobs import CHARACTERS_PER_TOKEN, Finished, Job, JobEvent
from bench.sim.model.memory import BLOCK_TOKENS, PREFIX_TOKENS, BlockMemory, blocks_of
from bench.sim.model.step import StepTime, cache_tokens

_SATURATED, _UNSATURATED = 0.9, 0.7


@dataclass(slots=True, eq=False)
class _Sequence:
    job: Job
    prompt_tokens: int
    """What its prefill computes: the prompt, and after a preemption what was emitted too."""
    text: Text | None = None
    """None before it was first admitted."""
    emitted_tokens: int = 0
    """Before it began to decode."""
    stored_tokens: int = 0
    """In memory: during prefill now, afterwards when it began to decode."""
    chunk_tokens: int = 0
    first_step: int = 0
    """The first step in which it decodes."""
    last_step: int = 0
    shared: list[int] = field(default_factory=list)
    """Stretches of its prompt that it shares."""

    def stored_before(self, step: int) -> int:
        """Tokens in memory before a step, once it decodes."""
        return self.stored_tokens + step - self.first_step


class Engine:
    """Sequences of one model on one chip; the caller says when a step begins and when it ends."""

    def __init__(self, chip: Chip, card: Card) -> None:
        self.memory = BlockMemory(cache_tokens(chip, card) // BLOCK_TOKENS)
        self._chip = chip
        self._time = StepTime(chip, card)
        self.floor_s = self._time.floor_s
        """No step can be shorter."""
        self._waiting: deque[_Sequence] = deque()
        self._decoding: dict[int, _Sequence] = {}
        self._prefilling: list[_Sequence] = []
        """Those whose prompts are being computed; all but the last end theirs with the step."""
        self._step = 0
        self._under_way = False
        self._context_tokens = 0
        self._needing = [0] * BLOCK_TOKENS
        """Decoding sequences by the remainder of the steps in which they need another block."""
        self._ending: dict[int, list[_Sequence]] = {}
        self._reserved_tokens = 0
        self._limit_tokens = chip.admission_budget_tokens or self.memory.blocks * BLOCK_TOKENS
        self._full = False
        """Reservations came to 0.9 of what is admitted and have not gone below 0.7 since."""
        self._blocked = False
        """Somebody had to wait for room when last admitted."""
        self._flusher = Flusher(
            max(1, chip.flush_characters // CHARACTERS_PER_TOKEN), round(chip.flush_s * 1e9)
        )

    def submit(self, job: Job) -> None:
        """Queue a job; the next step may admit it."""
        self._waiting.append(_Sequence(job, job.prompt_tokens))

    def cancel(self, job_id: int) -> None:
        """Forget a job wherever it is."""
        for sequence in (*self._waiting, *self._prefilling, *self._decoding.values()):
            if sequence.job.id == job_id:
                self._remove(sequence)
                self._unreserve(sequence)
                return

    @property
    def depth(self) -> int:
        """Jobs waiting or running."""
        return len(self._waiting) + self.running

    @property
    def running(self) -> int:
        """Sequences that hold memory."""
        return len(self._prefilling) + len(self._decoding)

    @property
    def saturated(self) -> bool:
        """Whether there is hardly any room to reserve."""
        return self._full or self._blocked

    def begin_step(self, now_ns: int) -> float | None:
        """Plan a step; the seconds that it takes, or None when there is nothing to do."""
        calm = self._continue()
        if calm:
            self._admit(now_ns)
        decoding = len(self._decoding)
        if not decoding and not self._prefilling:
            return None
        self._under_way = True
        tokens, emitting, context_tokens, pairs = decoding, decoding, self._context_tokens, 0.0
        for sequence in self._prefilling:
            tokens += sequence.chunk_tokens
            emitting += sequence.stored_tokens + sequence.chunk_tokens == sequence.prompt_tokens
            context_tokens += sequence.stored_tokens
            pairs += sequence.chunk_tokens * (sequence.stored_tokens + sequence.chunk_tokens / 2)
        return self._time.seconds(
            tokens=tokens,
            sequences=decoding + len(self._prefilling),
            emitting=emitting,
            context_tokens=context_tokens,
            pairs=pairs,
        )

    def end_step(self, now_ns: int) -> tuple[list[JobEvent], int]:
        """What the step computed, and how many jobs end with it."""
        step = self._step
        self._step += 1
        self._under_way = False
        self._context_tokens += len(self._decoding)
        if self._prefilling:
            self._end_prefills(step)
        events = self._flusher.flush(step, now_ns)
        ended = 0
        for sequence in self._ending.pop(step, ()):
            if self._decoding.get(sequence.job.id) is sequence and sequence.last_step == step:
                events.append(self._finish(sequence, step, now_ns))
                ended += 1
        return events, ended

    def _continue(self) -> bool:
        """Find memory for the running sequences' next tokens; whether there was enough for all."""
        calm = self.memory.take(self._needing[self._step % BLOCK_TOKENS]) or self._squeeze()
        for sequence in self._prefilling:
            room_tokens = self._chip.step_budget_tokens - len(self._decoding)
            if not self._grow(sequence, room_tokens):
                self._preempt(sequence)
                return False
        return calm

    def _squeeze(self) -> bool:
        """Serve the oldest first, each taking the memory of the newest where there is none; always False."""
        for sequence in tuple(self._decoding.values()):
            if not self._needs_block(sequence):
                continue
            while sequence.job.id in self._decoding and not self.memory.take(1):
                self._preempt((self._prefilling or list(self._decoding.values()))[-1])
        return False

    def _needs_block(self, sequence: _Sequence) -> bool:
        decodes = sequence.job.id in self._decoding
        return decodes and sequence.stored_before(self._step) % BLOCK_TOKENS == 0

    def _grow(self, sequence: _Sequence, room_tokens: int) -> bool:
        """Plan the next chunk of a prompt; whether there is memory for it."""
        chunk_tokens = min(sequence.prompt_tokens - sequence.stored_tokens, room_tokens)
        held = blocks_of(sequence.stored_tokens)
        if not self.memory.take(blocks_of(sequence.stored_tokens + chunk_tokens) - held):
            return False
        sequence.chunk_tokens = chunk_tokens
        return True

    def _admit(self, now_ns: int) -> None:
        room_tokens = self._chip.step_budget_tokens - len(self._decoding)
        room_tokens -= sum(sequence.chunk_tokens for sequence in self._prefilling)
        while self._waiting and room_tokens > 0 and self._lets_in(self._waiting[0]):
            sequence = self._waiting[0]
            self._share(sequence)
            if not (self._holds(sequence) and self._grow(sequence, room_tokens)):
                self._unshare(sequence)
                return
            self._waiting.popleft()
            if sequence.text is None:
                sequence.text = Text(sequence.job, now_ns)
                self._reserve(sequence.job.longest_tokens)
            self._prefilling.append(sequence)
            room_tokens -= sequence.chunk_tokens
        self._blocked = room_tokens > 0 and bool(self._waiting)

    def _lets_in(self, sequence: _Sequence) -> bool:
        """Whether the limits on sequences and on reserved tokens admit one more."""
        if len(self._decoding) + len(self._prefilling) >= self._chip.max_sequences:
            return False
        if sequence.text or not self._reserved_tokens or not self._chip.admission_budget_tokens:
            return True
        needed_tokens = self._reserved_tokens + sequence.job.longest_tokens
        return needed_tokens <= self._chip.admission_budget_tokens

    def _holds(self, sequence: _Sequence) -> bool:
        """Whether there is memory for all of its prompt: of what is given up half-way nothing is left."""
        return self.memory.room >= blocks_of(sequence.prompt_tokens) - blocks_of(sequence.stored_tokens)

    def _share(self, sequence: _Sequence) -> None:
        """Begin with what is in memory of the prompt; at least one token is left to compute."""
        if self._chip.prefix_cache and sequence.job.prefix:
            whole = sequence.job.prefix[: (sequence.job.prompt_tokens - 1) // PREFIX_TOKENS]
            sequence.shared = list(whole[: self.memory.hold(whole)])
            sequence.stored_tokens = PREFIX_TOKENS * len(sequence.shared)

    def _unshare(self, sequence: _Sequence) -> None:
        self.memory.drop(sequence.shared)
        sequence.shared, sequence.stored_tokens = [], 0

    def _end_prefills(self, step: int) -> None:
        prefilling, self._prefilling = self._prefilling, []
        for sequence in prefilling:
            sequence.stored_tokens += sequence.chunk_tokens
            sequence.chunk_tokens = 0
            if sequence.stored_tokens < sequence.prompt_tokens:
                self._prefilling.append(sequence)
            else:
                self._decode(sequence, step)

    def _decode(self, sequence: _Sequence, step: int) -> None:
        """A prompt is computed: its sequence gets a token with this step and with each that follows."""
        self._adopt(sequence)
        sequence.emitted_tokens += 1
        sequence.first_step = step + 1
        sequence.last_step = step + sequence.job.max_new_tokens - sequence.emitted_tokens
        self._decoding[sequence.job.id] = sequence
        self._context_tokens += sequence.stored_tokens
        self._needing[(sequence.first_step - sequence.stored_tokens) % BLOCK_TOKENS] += 1
        self._ending.setdefault(sequence.last_step, []).append(sequence)
        if sequence.text:
            self._flusher.start(sequence.text, step)

    def _adopt(self, sequence: _Sequence) -> None:
        """Leave the stretches of this prompt to later ones."""
        if self._chip.prefix_cache and sequence.job.prefix:
            whole = sequence.job.prefix[: sequence.job.prompt_tokens // PREFIX_TOKENS]
            more = whole[len(sequence.shared) :]
            sequence.shared += more[: self.memory.adopt(more)]

    def _finish(self, sequence: _Sequence, step: int, now_ns: int) -> Finished:
        text = sequence.text or Text(sequence.job, now_ns)
        tokens, first_ns = self._flusher.finish(text, step, now_ns)
        self._remove(sequence)
        self._unreserve(sequence)
        return Finished(now_ns, sequence.job.id, tokens, first_ns - text.started_ns)

    def _preempt(self, sequence: _Sequence) -> None:
        """Take a running sequence's memory; it will compute prompt and emitted tokens anew."""
        if sequence.job.id in self._decoding:
            sequence.emitted_tokens += self._step - sequence.first_step
        self._remove(sequence)
        if sequence.text:
            sequence.text.pause(self._step)
        sequence.prompt_tokens = sequence.job.prompt_tokens + sequence.emitted_tokens
        self._waiting.appendleft(sequence)

    def _remove(self, sequence: _Sequence) -> None:
        """Take a sequence out of the engine, and its memory from it."""
        if self._decoding.get(sequence.job.id) is sequence:
            del self._decoding[sequence.job.id]
            held_tokens = sequence.stored_before(self._step)
            self._context_tokens -= held_tokens
            self._needing[(sequence.first_step - sequence.stored_tokens) % BLOCK_TOKENS] -= 1
            held_tokens += self._under_way
        elif sequence in self._prefilling:
            self._prefilling.remove(sequence)
            held_tokens = sequence.stored_tokens + sequence.chunk_tokens
        else:
            self._waiting.remove(sequence)
            return
        self.memory.give(blocks_of(held_tokens) - blocks_of(PREFIX_TOKENS * len(sequence.shared)))
        sequence.chunk_tokens = 0
        self._unshare(sequence)

    def _unreserve(self, sequence: _Sequence) -> None:
        if sequence.text:
            sequence.text.cohort = None
            self._reserve(-sequence.job.longest_tokens)

    def _reserve(self, tokens: int) -> None:
        self._reserved_tokens += tokens
        bound = _UNSATURATED if self._full else _SATURATED
        self._full = self._reserved_tokens >= bound * self._limit_tokens

"""A worker that generates step by step, behind a front end that takes its own time for each request."""

from collections import deque
from collections.abc import Mapping
from random import Random

from bench.sim.model.cards import Card
from bench.sim.model.chips import Chip
from bench.sim.model.engine import Engine
from bench.sim.model.front_end import FrontEnd
from bench.sim.model.jitter import Jitter
from bench.sim.model.jobs import Job, JobEvent


class GenerationWorker:
    """One engine a model; the GPU runs one engine's step at a time, the engines taking turns."""

    def __init__(
        self, chip: Chip, cards: Mapping[str, Card], jitter: Random, jitter_sigma: float = 0.0
    ) -> None:
        self.slowness = 1.0
        self.busy_ns = 0
        self.depth = 0
        self.engines: dict[str, Engine] = {}
        self._chip = chip
        self._cards = cards
        self._jitter = Jitter(jitter, jitter_sigma)
        self._front_end = FrontEnd(chip.front_end_serial_s, chip.front_end_base_s)
        self._turns: deque[Engine] = deque()
        self._busy: Engine | None = None
        self._ends_ns = 0

    def submit(self, now_ns: int, job: Job) -> None:
        """Take the job into the front end, which hands it to its model's engine."""
        self._front_end.submit(now_ns, job)
        self.depth += 1
        if self._busy is None:
            self._start(now_ns)

    def cancel(self, now_ns: int, job_id: int, /) -> None:
        """Forget a job; a step under way keeps its length."""
        self._front_end.cancel(now_ns, job_id)
        for engine in self._turns:
            engine.cancel(job_id)
        self.depth = len(self._front_end) + sum(engine.depth for engine in self._turns)

    def next_ns(self) -> int | None:
        """The end of the step under way, or when the next job comes out of the front end."""
        if self._busy:
            return self._ends_ns
        return self._front_end.next_ns()

    def advance(self, now_ns: int) -> list[JobEvent]:
        """End every step due by now, each followed at once by the next."""
        events: list[JobEvent] = []
        while (due_ns := self.next_ns()) is not None and due_ns <= now_ns:
            if self._busy:
                fresh, ended = self._busy.end_step(due_ns)
                events += fresh
                self.depth -= ended
            self._start(due_ns)
        return events

    @property
    def saturated(self) -> bool:
        """Whether an engine is."""
        return any(engine.saturated for engine in self._turns)

    def _start(self, now_ns: int) -> None:
        self._busy = None
        for job in self._front_end.leave(now_ns):
            self._engine(job.model).submit(job)
        for engine in tuple(self._turns):
            self._turns.rotate(-1)
            mean_s = engine.begin_step(now_ns)
            if mean_s is not None:
                length_ns = round(self._jitter.drawn_s(mean_s, engine.floor_s) * self.slowness * 1e9)
                self._busy, self._ends_ns = engine, now_ns + length_ns
                self.busy_ns += length_ns
                return

    def _engine(self, model: str) -> Engine:
        engine = self.engines.get(model)
        if engine is None:
            engine = self.engines[model] = Engine(self._chip, self._cards[model])
            self._turns.append(engine)
        return engine

"""When the text of running sequences leaves: the worker's flush rule, for all that flush together at once.

A flush is due with so many pending characters, or so long after the last one (on the maker's worker 32 and
50 ms), and is looked for whenever a token arrives.  Every running sequence gets a token a step, so sequences
that flushed at the same step will all flush at the same later step: they are one cohort, and a step looks at
a handful of those.
"""

from collections import deque
from dataclasses import dataclass, field

from bench.sim.model.jobs import Chunk, Job, JobEvent


@dataclass(slots=True, eq=False)
class Cohort:
    """Sequences whose pending tokens count from the same step."""

    step: int
    flushed_ns: int
    members: list["Text"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Text:
    """The text of one job: what is pending, and when some first left."""

    job: Job
    started_ns: int
    cohort: Cohort | None = None
    """None while it gets no tokens."""
    pending_tokens: int = 0
    """Only for the time without a cohort."""
    flushed_ns: int = 0
    first_ns: int = 0

    def pause(self, step: int) -> None:
        """Get no tokens from this step on."""
        if self.cohort:
            self.pending_tokens = step - 1 - self.cohort.step
            self.flushed_ns = self.cohort.flushed_ns
            self.cohort = None


class Flusher:
    """All texts of one engine; they leave with so many pending tokens, or so long after the last time."""

    def __init__(self, tokens: int, patience_ns: int) -> None:
        self._tokens = tokens
        self._patience_ns = patience_ns
        self._fresh: list[Cohort] = []
        self._cohorts: deque[Cohort] = deque()

    def start(self, text: Text, step: int) -> None:
        """From this step on, that one included, the text gets a token a step."""
        flushed_ns = text.flushed_ns or text.started_ns
        text.cohort = Cohort(step - 1 - text.pending_tokens, flushed_ns, [text])
        self._fresh.append(text.cohort)

    def flush(self, step: int, now_ns: int) -> list[JobEvent]:
        """The chunks that leave when this step ends."""
        due = []
        while self._cohorts and self._due(self._cohorts[0], step, now_ns):
            due.append(self._cohorts.popleft())
        if self._fresh:
            due += [cohort for cohort in self._fresh if self._due(cohort, step, now_ns)]
            self._fresh = [cohort for cohort in self._fresh if not self._due(cohort, step, now_ns)]
        if not due:
            return []
        together = Cohort(step, now_ns)
        self._cohorts.append(together)
        return [chunk for cohort in due for chunk in _leave(cohort, together, step, now_ns)]

    def _due(self, cohort: Cohort, step: int, now_ns: int) -> bool:
        return step - cohort.step >= self._tokens or now_ns - cohort.flushed_ns >= self._patience_ns

    @staticmethod
    def finish(text: Text, step: int, now_ns: int) -> tuple[int, int]:
        """End a text with this step; its pending tokens and the instant when it first left."""
        pending_tokens = step - text.cohort.step if text.cohort else 0
        text.cohort = None
        return pending_tokens, text.first_ns or now_ns


def _leave(cohort: Cohort, together: Cohort, step: int, now_ns: int) -> list[JobEvent]:
    tokens = step - cohort.step
    staying = [text for text in cohort.members if text.cohort is cohort]
    for text in staying:
        text.cohort = together
        if not text.first_ns:
            text.first_ns = now_ns
    together.members += staying
    return [Chunk(now_ns, text.job.id, tokens) for text in staying]

"""How long the gateway waits for a worker's results."""

from dataclasses import dataclass

from bench.sim.model.jobs import Job

FIRST_CHUNK = "first_chunk_timeout"
INTER_CHUNK = "inter_chunk_timeout"
OVERALL = "overall_timeout"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; those of the contract unless options say otherwise."""

    items_s: float
    first_chunk_s: float = 30.0
    inter_chunk_s: float = 10.0
    overall_s: float | None = None
    """None where the length of the answer decides."""

    def of(self, job: Job) -> tuple[float, float, float]:
        """Seconds until the first chunk, until each next, and altogether; for items all are the last."""
        if job.item_tokens:
            return self.items_s, self.items_s, self.items_s
        overall_s = min(job.max_new_tokens / 10 + 30, 300) if self.overall_s is None else self.overall_s
        return min(self.first_chunk_s, overall_s), self.inter_chunk_s, overall_s

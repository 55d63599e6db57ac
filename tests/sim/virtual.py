"""Runs of the pure model in virtual time, and what came of each job."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.sim.model import (
    SHIPPED,
    Card,
    Catalog,
    Chip,
    Chunk,
    Event,
    Finished,
    Fleet,
    Job,
    Lane,
    Rules,
    Verdict,
    parse_fleet,
)

S = 1_000_000_000
ANCHORS = Path(__file__).parents[3] / "shared" / "traces" / "anchors"


@dataclass
class Told:
    """One generation as its client sees it; instants in ns, tokens by the instant at which they came."""

    sent_ns: int
    at_ns: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    ended: int = 0

    @property
    def ttft_s(self) -> float:
        """Until its first text."""
        return (self.at_ns[0] - self.sent_ns) / S

    @property
    def e2e_s(self) -> float:
        """Until its end."""
        return (self.at_ns[-1] - self.sent_ns) / S

    @property
    def tpot_s(self) -> float:
        """Seconds per token after those that came first."""
        return (self.at_ns[-1] - self.at_ns[0]) / S / max(1, sum(self.tokens) - self.tokens[0])


class Client:
    """Hands jobs to a fleet and keeps what it hears of them."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.told: dict[int, Told] = {}
        self.events: list[Event] = []

    def send(self, now_ns: int, job: Job) -> None:
        """Submit one job, which must be taken."""
        self.hear(now_ns)
        assert self.fleet.submit(now_ns, job) is Verdict.LIVE
        self.told[job.id] = Told(now_ns)

    def hear(self, now_ns: int) -> list[Finished]:
        """Let everything up to this instant happen; the jobs that ended."""
        events = self.fleet.advance(now_ns)
        self.events += events
        ended = []
        for event in events:
            if isinstance(event, Chunk | Finished):
                told = self.told[event.job_id]
                if event.tokens:
                    told.at_ns.append(event.at_ns)
                    told.tokens.append(event.tokens)
            if isinstance(event, Finished):
                told.ended += 1
                ended.append(event)
        return ended

    def drain(self) -> "Client":
        """Go from instant to instant until nothing is under way."""
        while (due_ns := self.fleet.next_ns()) is not None:
            self.hear(due_ns)
        return self

    def values(self, of: Callable[[Told], float]) -> npt.NDArray[np.float64]:
        """A figure of each job, by job number."""
        return np.array([of(self.told[number]) for number in sorted(self.told)])


def lane(profile: str) -> Lane:
    """Where a profile generates."""
    return Lane("default", "sglang", profile)


def fleet_of(chip: Chip, *cards: Card, workers: int = 1, seed: int = 1, jitter: float = 0.0) -> Fleet:
    """Workers of one chip that generate, each token leaving at once, as a bare engine's server does."""
    bare = replace(chip, flush_characters=1)
    catalog = Catalog({chip.profile: bare}, {card.name: card for card in cards} or SHIPPED.cards)
    lanes = parse_fleet(f"{chip.profile}/sglang={workers}", catalog)
    return Fleet(lanes, Rules(step_jitter=jitter), seed=seed, catalog=catalog)


def replay(fleet: Fleet, jobs: Iterable[tuple[int, Job]]) -> Client:
    """Open loop: each job at its instant."""
    client = Client(fleet)
    for at_ns, job in sorted(jobs, key=lambda timed: timed[0]):
        client.send(at_ns, job)
    return client.drain()


def closed_loop(fleet: Fleet, users: int, jobs: Iterable[Job]) -> Client:
    """So many users, each sending the next job when its last has ended."""
    client, left = Client(fleet), iter(jobs)
    for _ in range(users):
        client.send(0, next(left))
    while (due_ns := fleet.next_ns()) is not None:
        for _ in client.hear(due_ns):
            job = next(left, None)
            if job:
                client.send(due_ns, job)
    return client

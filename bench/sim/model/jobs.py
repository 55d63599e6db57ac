"""What goes into the model and what comes out: jobs, events, verdicts.  All instants are in ns."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

CHARACTERS_PER_TOKEN = 4
"""Length of every simulated token."""

SHORTEST_KEY_BYTES = 64
"""Of a prompt's opening; by a shorter one the gateway chooses no worker."""

TEMPLATE_TOKENS = 8
"""What a conversation has beyond the text of its messages."""

SPECIAL_TOKENS = 2
"""What an item to encode or score has beyond its text."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The queue that identical workers share: one pool, one bundle, one machine profile."""

    pool: str
    bundle: str
    profile: str


@dataclass(frozen=True, slots=True)
class Job:
    """One request; `lane.profile` may be "" (any).  Only encode and score jobs have `item_tokens`."""

    id: int
    model: str
    lane: Lane
    prompt_tokens: int = 0
    max_new_tokens: int = 0
    item_tokens: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()
    """Names of the prompt's leading stretches of 512 tokens: equal name, equal text up to its end."""
    routing_key: str = ""
    """Equal keys go to the same worker, unless that is saturated; empty for whoever has least to do."""

    @property
    def longest_tokens(self) -> int:
        """Tokens that it may come to hold in memory."""
        return self.prompt_tokens + self.max_new_tokens


class Verdict(Enum):
    """Whether a lane can serve now."""

    LIVE = "live"
    COLD = "cold"
    """Nobody can serve and the gateway says "provisioning"."""
    NO_CONSUMERS = "no consumers"
    """A named pool's queue that no worker reads."""
    FULL = "full"
    """The pool holds as much unanswered work as it may."""
    LOADING = "loading"
    """Workers are live, but none has the model loaded yet."""
    NO_ROOM = "no room"
    """The job needs more key-value memory than a worker of the lane has."""
    LOAD_FAILED = "load failed"
    """The model cannot be loaded on any worker."""


class Chunk(NamedTuple):
    """Some tokens of a running generation leave the worker together; a tuple because there are many."""

    at_ns: int
    job_id: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A generation ends; `tokens` were still pending and leave with it (perhaps none)."""

    at_ns: int
    job_id: int
    tokens: int
    ttft_ns: int
    """From admission into the running batch to the first text that left, as the real worker counts."""


@dataclass(frozen=True, slots=True)
class ItemsDone:
    """All items of an encode or score job are computed; the two durations are the worst over its items."""

    at_ns: int
    job_id: int
    queue_ns: int
    inference_ns: int


@dataclass(frozen=True, slots=True)
class WorkerStarting:
    """Demand at a cold lane made it provision a worker."""

    at_ns: int
    worker: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker serves from now on."""

    at_ns: int
    worker: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Lost:
    """A job's worker is gone, and the channel of its results is closed."""

    at_ns: int
    job_id: int


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker stopped without a word; the gateway does not know it yet."""

    at_ns: int
    worker: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class WorkerDraining:
    """A worker takes no more jobs, because its lane shrinks or its spot node is called back."""

    at_ns: int
    worker: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """A worker left after draining, or the gateway noticed that its heartbeats are missing."""

    at_ns: int
    worker: str
    lane: Lane


JobEvent = Chunk | Finished | ItemsDone | Lost
WorkerEvent = WorkerStarting | WorkerReady | WorkerLost | WorkerDraining | WorkerGone
Event = JobEvent | WorkerEvent
ENDINGS = (Finished, ItemsDone, Lost)
"""The events after which a job has no more."""

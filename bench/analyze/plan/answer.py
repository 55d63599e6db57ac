"""What `bench plan` answers: plan.json."""

from typing import Literal

from bench.analyze.plan.settings import Settings
from bench.analyze.window import Value

PolicyName = Literal["static", "reactive", "base + reactive", "scheduled"]


class ReplicasOf(Value):
    """Replicas of one profile that are paid for, over the demand; `base` of them always."""

    profile: str
    mean: float
    most: int
    base: int


class Change(Value):
    """From this second of the demand on so many replicas of each profile are paid for."""

    start_s: float
    replicas: dict[str, int]


class Plan(Value):
    """A policy on some profiles, replayed against the demand. Money in the answer's currency.

    `utilisation`: share of the confirmed rate that a replica is loaded with; of a scheduled plan, 1 over the
    margin on the forecast; None of a static one. `of_floor`: cheapest floor / delivered cost.
    """

    policy: PolicyName
    replicas: tuple[ReplicasOf, ...]
    utilisation: float | None
    per_day: float
    per_million_requests: float | None
    per_million_tokens: float | None
    of_floor: float | None
    delayed_share: float
    longest_wait_s: float
    drained: bool
    keeps_target: bool

    @property
    def profiles(self) -> tuple[str, ...]:
        """Which it uses."""
        return tuple(one.profile for one in self.replicas)


class Floor(Value):
    """What a profile would cost if each replica were always loaded to its confirmed rate; and its headroom.

    `growth` is G over detection and start, `utilisation` u* = 1 / G.
    """

    profile: str
    per_hour: float
    rate_per_s: float
    start_s: float
    start_note: str
    per_million_requests: float
    per_million_tokens: float | None
    growth: float
    utilisation: float


class Mix(Value):
    """The cheapest fleet for one load, each profile at its utilisation."""

    what: Literal["mean", "peak"]
    rate_per_s: float
    replicas: dict[str, int]
    per_hour: float


class Asked(Value):
    """The demand: steps and length in s, requests/s, output tokens of a request."""

    step_s: float
    length_s: float
    days: int
    mean_per_s: float
    peak_per_s: float
    out_tokens: float | None


class InModel(Value):
    """The recommended plan in the model, over `length_s` of the demand from `start_s` on.

    `attainment` of the class that is worst off (`what`), carried over to the `target` of the strictest; null
    where nothing was due. `replicas`: per profile the least and the most that were live.
    """

    scenario: str
    folder: str
    start_s: float
    length_s: float
    requests: int
    replicas: dict[str, tuple[int, int]]
    attainment: float | None
    target: float
    what: str
    keeps_slo: bool


class Answer(Value):
    """plan.json: plans cheapest first; `best` is the place of the cheapest that keeps the target.

    A scheduled plan is never the best: it knows the demand, or guesses it from other days. `at_estimate` and
    `at_refuted` are the same policy, were each replica worth its best estimate or what was refuted. Of the
    best plan: `by_hour`, the most replicas of each profile in each hour, and `changes`.
    """

    format_version: Literal[1] = 1
    currency: str
    prices: dict[str, str]
    slo: str
    simulated: bool
    settings: Settings
    demand: Asked
    floors: tuple[Floor, ...]
    plans: tuple[Plan, ...]
    best: int | None
    inversion: str | None
    at_estimate: Plan | None
    at_refuted: Plan | None
    mixes: tuple[Mix, ...]
    by_hour: dict[str, tuple[int, ...]]
    changes: tuple[Change, ...]
    in_model: InModel | None = None

"""A planned request -> a job of the model; what cannot be one is said before anything is computed."""

from collections.abc import Mapping
from dataclasses import replace

from bench.scenario import Ranking, Scenario, Traffic, is_given
from bench.sim.model import (
    CHARACTERS_PER_TOKEN,
    DEFAULT_POOL,
    SHORTEST_KEY_BYTES,
    SPECIAL_TOKENS,
    TEMPLATE_TOKENS,
    Card,
    Job,
    Lane,
)
from bench.virtual.answers import CONTEXT_EXCEEDED, TOO_MANY_TOKENS, Route
from bench.virtual.setup import Setup, VirtualError, setup_of
from bench.workload import Planned, once_a_class, shape_of

_KINDS = {
    **dict.fromkeys(("chat", "completion", "generate"), "generate"),
    **dict.fromkeys(("encode", "embed"), "encode"),
    **dict.fromkeys(("score", "rerank"), "score"),
    "extract": "extract",
}
_TEXT_DECIDES = ("tools", "response_format", "grammar", "lora_adapter")
_KEYS = ("routing_key", "prompt_cache_key")


def check(scenario: Scenario, setup: Setup) -> None:
    """Raise VirtualError for the first thing that virtual time cannot do, or the fleet does not have."""
    if scenario.target.kind != "sie":
        raise VirtualError(
            f"target.kind {scenario.target.kind}: the model is one of the SIE gateway; --set target.kind=sie"
        )
    if scenario.pools:
        raise VirtualError("pools made for a run need the wire: name them in sim.fleet, as lab:l4=2")
    for traffic in scenario.classes:
        _check_class(traffic, setup)


def bundles_of(scenario: Scenario) -> frozenset[str]:
    """The bundles of workers that its models need: a worker has one. Raises VirtualError."""
    setup = setup_of(scenario.sim)
    return frozenset(card_of(traffic, setup).bundle for traffic in scenario.classes)


def _check_class(traffic: Traffic, setup: Setup) -> None:
    name = f"class {traffic.name}"
    if is_given(traffic):
        raise VirtualError(f"{name} has no lengths of its own: tasks of a locustfile give them")
    card = card_of(traffic, setup)
    if card.kind != _KINDS[traffic.operation]:
        raise VirtualError(f"{name}: model {card.name} is one to {card.kind}, not for {traffic.operation}")
    said = [key for key in _TEXT_DECIDES if traffic.body.get(key)]
    if traffic.body.get("n", 1) != 1:
        said.append("sampling.n")
    if traffic.extra:
        said.append("extra")
    if said:
        raise VirtualError(
            f"{name}: {said[0]} changes what is written, which needs the wire; use `bench run`"
        )
    for profile in traffic.profiles:
        canonical(profile, setup)
    pools = {spec.lane.pool for spec in setup.lanes}
    if traffic.pool and traffic.pool not in pools:
        raise VirtualError(
            f"{name}: no lane of the fleet is in pool {traffic.pool}; pools: {', '.join(pools)}"
        )


def card_of(traffic: Traffic, setup: Setup) -> Card:
    """The model of a class. Raises VirtualError."""
    name = traffic.model.rpartition(":/")[2]
    card = setup.catalog.find_card(name) or setup.catalog.find_card(name.replace("__", "/"))
    if card is None:
        known = ", ".join(setup.catalog.cards)
        raise VirtualError(
            f"class {traffic.name}: model {traffic.model} is not known to the simulation; it knows {known}; "
            "sim.profile_file adds others"
        )
    return card


def canonical(profile: str, setup: Setup) -> str:
    """The configured profile that is meant, in any case, or its spot alias. Raises VirtualError."""
    for candidate in (profile.lower(), f"{profile.lower()}-spot"):
        if candidate in setup.profiles:
            return candidate
    raise VirtualError(f"profile {profile} is not in the fleet; it has {', '.join(setup.profiles)}")


class Works:
    """Makes the jobs of a scenario."""

    def __init__(self, scenario: Scenario, setup: Setup) -> None:
        check(scenario, setup)
        self._setup = setup
        self._cards: Mapping[str, Card] = {t.name: card_of(t, setup) for t in scenario.classes}
        self._profiles: dict[str, str] = {"": ""}
        for traffic in scenario.classes:
            self._profiles |= {profile: canonical(profile, setup) for profile in traffic.profiles}
        self._lanes: dict[tuple[str, str | None], Lane] = {}

    def job(self, number: int, planned: Planned) -> Job:
        """What the model computes for a request: the tokens asked for, and those of a chat's template."""
        traffic = planned.traffic
        card = self._cards[traffic.name]
        lane = self._lane(planned, card)
        if not shape_of(traffic).generates:
            return Job(number, card.name, lane, item_tokens=items_of(planned, card.context_tokens))
        template_tokens = TEMPLATE_TOKENS if traffic.operation == "chat" else 0
        prompt_tokens = (planned.in_tokens or 0) + template_tokens
        job = Job(number, card.name, lane, prompt_tokens, planned.out_tokens or 1)
        return replace(job, routing_key=routing_key(planned)) if self._setup.affinity else job

    def anybody(self, number: int, job: Job) -> Job:
        """The same work for whoever has least to do."""
        return replace(job, id=number, routing_key="")

    def fault(self, planned: Planned, job: Job) -> str | None:
        """The code of what the gateway would find wrong with it."""
        card = self._cards[planned.traffic.name]
        if job.item_tokens:
            return None
        if card.max_output_tokens and job.max_new_tokens > card.max_output_tokens:
            return TOO_MANY_TOKENS
        return CONTEXT_EXCEEDED if job.longest_tokens > card.context_tokens else None

    def _lane(self, planned: Planned, card: Card) -> Lane:
        key = planned.traffic.name, planned.profile
        lane = self._lanes.get(key)
        if lane is None:
            profile = self._profiles[planned.profile or ""]
            lane = self._lanes[key] = Lane(planned.traffic.pool or DEFAULT_POOL, card.bundle, profile)
        return lane


@once_a_class
def route_of(traffic: Traffic) -> Route:
    """What its answers depend on."""
    shape = shape_of(traffic)
    return Route(shape.generates, shape.stream)


def items_of(planned: Planned, most_tokens: int) -> tuple[int, ...]:
    """Tokens of each item; a ranking computes each document together with the query."""
    traffic, shape = planned.traffic, shape_of(planned.traffic)
    tokens = planned.item_tokens + SPECIAL_TOKENS
    if isinstance(traffic, Ranking):
        tokens += shape.query_tokens + SPECIAL_TOKENS
    return (min(tokens, most_tokens),) * shape.texts


def routing_key(planned: Planned) -> str:
    """What the gateway chooses one worker by, be it with affinity or without; empty for none."""
    key = _key_of(planned.traffic)
    if not key and (planned.in_tokens or 0) * CHARACTERS_PER_TOKEN >= SHORTEST_KEY_BYTES:
        # No two texts begin alike, so that no prompt shares anything, and each chooses a worker by itself.
        key = "request {index}"
    return key.replace("{index}", str(planned.index)).replace("{user}", str(planned.user))


@once_a_class
def _key_of(traffic: Traffic) -> str:
    return next((str(traffic.body[name]) for name in _KEYS if traffic.body.get(name)), "")

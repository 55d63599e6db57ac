"""Before the start: are its workers there, does one request a class work, how many characters are a token?"""

from dataclasses import dataclass, field

import gevent

from bench.drive.asking import recipe_of
from bench.drive.control import Control, TargetError
from bench.drive.engine import Engine
from bench.drive.flight import GOOD, Order
from bench.drive.journal import KeptJournal
from bench.drive.pools import look
from bench.protocol import Ask, Endpoint, Facts, chars_per_token, render
from bench.record import TargetSaid
from bench.scenario import Scenario, Traffic
from bench.workload import DEFAULT_CHARS_PER_TOKEN, Planned, Texts

CALIBRATION_TOKENS = 256
SHORT_TOKENS = 24
CALIBRATION_OUTPUT = 2
PATIENCE_S = 30.0
OTHER_TEXTS = 1_000_003
"""Added to the seed of texts, so that no cache knows the run's own prompts."""

COLD = "cold"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was learned before the start."""

    said: TargetSaid
    chars_per_token: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def preflight(scenario: Scenario, said: TargetSaid, control: Control) -> Preflight:
    """Look at the workers of each class, then send it one request. Raises TargetError."""
    learned = Preflight(said)
    for traffic in scenario.classes:
        if said.role == "gateway":
            _check_pool(scenario, traffic, control)
            learned.warnings.extend(_absent(traffic, said))
        _calibrate(scenario, traffic, control, learned)
    return learned


def _check_pool(scenario: Scenario, traffic: Traffic, control: Control) -> None:
    """A pool of somebody else must have workers; of one that nobody made by a call nothing is known."""
    if traffic.pool is None or traffic.pool in {pool.name for pool in scenario.pools}:
        return
    state = look(control, traffic.pool)
    if state is not None and not state.workers:
        raise TargetError(
            f"class {traffic.name}: pool {traffic.pool} has no workers (it is {state.state}); to start from "
            "cold, list it in the scenario's pools with wait_s: 0"
        )


def _absent(traffic: Traffic, said: TargetSaid) -> list[str]:
    """A sentence for each profile that is asked for, or for none, without a live worker for the model."""
    live = _serving(traffic, said)
    if not traffic.profiles and not live:
        return [_unnamed(traffic, said)]
    absent = [profile for profile in traffic.profiles if profile.lower() not in live]
    return [_absence(traffic, profile, live, said) for profile in absent]


def _unnamed(traffic: Traffic, said: TargetSaid) -> str:
    sentence = f"class {traffic.name} asks for no profile, and no worker is live that serves {traffic.model}"
    if said.dialect == "0.4":
        return f"{sentence}; a 0.4 gateway scales nothing up for such requests: name a profile in profiles"
    return sentence


def _absence(traffic: Traffic, profile: str, live: set[str], said: TargetSaid) -> str:
    sentence = f"class {traffic.name}: profile {profile} has no live worker that serves {traffic.model}"
    if f"{profile.lower()}-spot" in live:
        return f"{sentence}; its alias {profile.lower()}-spot is live, and will serve for it"
    if live and said.dialect == "0.4":
        others = ", ".join(sorted(live))
        return f"{sentence}; a 0.4 gateway lets other profiles ({others}) answer for it, and does not say so"
    return f"{sentence}; its requests are refused until one is provisioned"


def _serving(traffic: Traffic, said: TargetSaid) -> set[str]:
    """Profiles with a live worker for the model; where no worker tells of the model, those with any."""
    return {name.lower() for name in said.serving.get(traffic.model) or said.live_workers}


def _calibrate(scenario: Scenario, traffic: Traffic, control: Control, learned: Preflight) -> None:
    name = traffic.name
    learned.chars_per_token[name] = scenario.chars_per_token or DEFAULT_CHARS_PER_TOKEN
    learned.sources[name] = "scenario" if scenario.chars_per_token else "default"
    profile = _warm_profile(traffic, learned.said)
    if profile == COLD:
        learned.warnings.append(
            f"class {name}: its lane is cold, so preflight sent it nothing (that would wake it)"
        )
        return
    texts = Texts(scenario.seeds.texts + OTHER_TEXTS, dict(learned.chars_per_token))

    def tried(index: int, tokens: int) -> tuple[Ask, Facts]:
        planned = Planned(index, traffic, profile, tokens, CALIBRATION_OUTPUT)
        ask = recipe_of(planned, texts).ask(planned)
        return ask, _try(scenario, control.endpoint, ask)

    long = tried(0, CALIBRATION_TOKENS)
    if long[1].outcome not in GOOD:
        _complain(traffic, long[1], learned, control)
    elif not scenario.chars_per_token and (length := chars_per_token(long)):
        # A chat's template counts as well: a shorter request tells how much of it all that is.
        learned.chars_per_token[name] = chars_per_token(long, tried(1, SHORT_TOKENS)) or length
        learned.sources[name] = "usage"


def _warm_profile(traffic: Traffic, said: TargetSaid) -> str | None:
    """A profile to ask that has a live worker; COLD where none has, None where none is asked for."""
    if not traffic.profiles:
        return None
    if said.role != "gateway":
        return traffic.profiles[0]
    live = _serving(traffic, said)
    warm = [name for name in traffic.profiles if {name.lower(), f"{name.lower()}-spot"} & live]
    return warm[0] if warm else COLD


def _try(scenario: Scenario, endpoint: Endpoint, ask: Ask) -> Facts:
    journal = KeptJournal()
    try:
        engine = Engine(endpoint, scenario.timeouts, journal)
    except OSError as error:
        raise TargetError(f"nothing answers at {endpoint.url}: {error.strerror or error}") from None
    thread = gevent.get_hub().threadpool.spawn(engine.run)
    engine.submit(Order(0, ask, render(endpoint, ask)))
    waited_s = 0.0
    while not journal.ended_flights and waited_s < PATIENCE_S:
        gevent.sleep(0.01)
        waited_s += 0.01
    engine.end_flights("timed_out", "overall_timeout")
    while not journal.ended_flights:
        gevent.sleep(0.01)
    engine.close()
    thread.get()
    return journal.ended_flights[0].exchange.facts


def _complain(traffic: Traffic, facts: Facts, learned: Preflight, control: Control) -> None:
    what = f"{facts.status or ''} {facts.error_code or facts.reason or ''} {facts.error_message or ''}"
    words = control.masked(" ".join(what.split()))
    sentence = f"class {traffic.name}: preflight's request was answered {words}"
    if facts.status is not None and 400 <= facts.status < 500 and facts.outcome == "failed":
        raise TargetError(f"{sentence}; every request of the run would be")
    learned.warnings.append(sentence)

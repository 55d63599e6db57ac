"""One request a class before the start: does it work, and how many characters are a token?"""

from dataclasses import dataclass, field

import gevent

from bench.drive.asking import ask_for
from bench.drive.engine import Engine
from bench.drive.flight import Order
from bench.drive.journal import KeptJournal
from bench.drive.target import TargetError, introduce
from bench.protocol import Ask, Endpoint, Facts, chars_per_token, render
from bench.record import TargetSaid
from bench.scenario import Scenario, Traffic
from bench.workload import DEFAULT_CHARS_PER_TOKEN, Planned, Texts

CALIBRATION_TOKENS = 256
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


def preflight(scenario: Scenario, endpoint: Endpoint) -> Preflight:
    """Ask the target about itself, then send one request a class. Raises TargetError."""
    learned = Preflight(introduce(scenario, endpoint))
    for traffic in scenario.classes:
        _calibrate(scenario, traffic, endpoint, learned)
    return learned


def _calibrate(scenario: Scenario, traffic: Traffic, endpoint: Endpoint, learned: Preflight) -> None:
    name = traffic.name
    learned.chars_per_token[name] = scenario.chars_per_token or DEFAULT_CHARS_PER_TOKEN
    learned.sources[name] = "scenario" if scenario.chars_per_token else "default"
    profile = _warm_profile(traffic, learned.said)
    if profile == COLD:
        learned.warnings.append(
            f"class {name}: its lane is cold, so preflight sent it nothing (that would wake it)"
        )
        return
    planned = Planned(0, traffic, profile, CALIBRATION_TOKENS, CALIBRATION_OUTPUT)
    ask = ask_for(planned, Texts(scenario.seeds.texts + OTHER_TEXTS, learned.chars_per_token))
    facts = _try(scenario, endpoint, ask)
    if facts.outcome not in {"ok", "degraded"}:
        _complain(traffic, facts, learned)
    elif not scenario.chars_per_token and (length := chars_per_token(ask, facts)):
        learned.chars_per_token[name] = length
        learned.sources[name] = "usage"


def _warm_profile(traffic: Traffic, said: TargetSaid) -> str | None:
    """A profile to ask that has a live worker; COLD where none has, None where none is asked for."""
    if said.kind != "sie" or not traffic.profiles:
        return None
    live = {name.lower() for name in said.live_workers}
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


def _complain(traffic: Traffic, facts: Facts, learned: Preflight) -> None:
    what = f"{facts.status or ''} {facts.error_code or facts.reason or ''} {facts.error_message or ''}"
    sentence = f"class {traffic.name}: preflight's request was answered {' '.join(what.split())}"
    if facts.status is not None and 400 <= facts.status < 500 and facts.outcome == "failed":
        raise TargetError(f"{sentence}; every request of the run would be")
    learned.warnings.append(sentence)

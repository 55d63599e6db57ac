"""From a scenario to an ordinary run folder, in virtual time."""

import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench import __version__
from bench.record import SCHEDULE, LogWriter, RunFolder, RunInfo, TargetSaid, cpu_model, join
from bench.scenario import Scenario
from bench.sim.model import CONTRACTS, WorkerEvent
from bench.virtual.census import Census
from bench.virtual.flight import NS_PER_S
from bench.virtual.player import Played, play
from bench.virtual.setup import Setup, setup_of
from bench.virtual.work import check
from bench.workload import DEFAULT_CHARS_PER_TOKEN, Schedule, make_schedule

_FLUSH_EVERY = 500
"""Requests; an interrupt loses nothing, a kill loses no more than these."""

Tick = Callable[[float, int, int | None], None]
"""Virtual seconds gone by, requests ended, requests in all where that is known."""


Script = Mapping[str, Sequence[tuple[float, int]]]
"""Per machine profile: from each instant (s) on so many workers."""


def write_run(
    folder: RunFolder, info: RunInfo, tick: Tick | None = None, script: Script | None = None
) -> RunInfo:
    """Fill a run folder whose scenario is in `info`, and close its books; the scenario's target is ignored.

    With a `script` the lanes of its profiles have those workers, whatever their rules would make of it.

    Raises VirtualError for what the model cannot do, TraceError and LengthError for files that cannot be
    used; then nothing was written. After an interrupt the folder is complete and marked `interrupted`.
    """
    scenario = Scenario.model_validate(info.scenario, strict=False)
    setup = _scripted(setup_of(scenario.sim), script or {})
    check(scenario, setup)
    schedule = make_schedule(scenario)
    folder.write_long_schedule(part.select(SCHEDULE.names).cast(SCHEDULE) for part in schedule.tables())
    info = _told(info, schedule, setup)
    folder.save(info)
    return _played(folder, info, schedule, setup, tick)


def _scripted(setup: Setup, script: Script) -> Setup:
    changes = tuple(
        (profile, tuple((round(at_s * NS_PER_S), count) for at_s, count in counts))
        for profile, counts in script.items()
    )
    return replace(setup, rules=replace(setup.rules, script=changes))


def _played(folder: RunFolder, info: RunInfo, schedule: Schedule, setup: Setup, tick: Tick | None) -> RunInfo:
    log, state, now_ns = LogWriter(folder.log_file(0)), "interrupted", 0

    def go_on(at_ns: int, ended: int) -> None:
        nonlocal now_ns
        now_ns = at_ns
        if ended % _FLUSH_EVERY == 0:
            log.flush(at_ns)
            if tick:
                tick(at_ns / 1e9, ended, len(schedule) if schedule.is_open else None)

    try:
        played = play(schedule, setup, log, go_on)
        now_ns, state = played.ended_ns, "complete"
        _write_health(folder, played)
    finally:
        log.close(now_ns)
        facts = {"ended_at_s": now_ns / 1e9, "stopped_early": state != "complete"}
        books, _ = join(folder)
        done = info.model_copy(update={"state": state, "generator": facts, "books": books})
        folder.save(done)
    return done


def _write_health(folder: RunFolder, played: Played) -> None:
    with folder.health_file.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in played.census.lines(played.ended_ns))


def _told(info: RunInfo, schedule: Schedule, setup: Setup) -> RunInfo:
    """run.json with all that is known before the start."""
    scenario = schedule.scenario
    per_token = scenario.chars_per_token or DEFAULT_CHARS_PER_TOKEN
    source = "scenario" if scenario.chars_per_token else "default"
    update: dict[str, Any] = {
        "state": "running",
        "host": {"node": platform.node(), "kernel": platform.release(), "cpu": cpu_model()},
        "versions": {"python": sys.version.split()[0], "poolbench": __version__},
        "target": _target(scenario, setup),
        "chars_per_token": {traffic.name: per_token for traffic in scenario.classes},
        "chars_per_token_source": {traffic.name: source for traffic in scenario.classes},
        "warnings": [*info.warnings, *(f"trace: lines {w}: {n}" for w, n in schedule.losses.items() if n)],
        "schedule": {
            "hash": schedule.hash,
            "requests": len(schedule) if schedule.is_open else None,
            "losses": dict(schedule.losses),
        },
    }
    return info.model_copy(update=update)


def _target(scenario: Scenario, setup: Setup) -> TargetSaid:
    """What a simulated gateway would have said of itself."""
    sim = scenario.sim
    census = Census(scenario, setup)
    for event in setup.fleet().advance(0):
        if isinstance(event, WorkerEvent):
            census.hear(event)
    first = next(census.lines(0))
    said: dict[str, Any] = {"fleet": sim.fleet, "seed": sim.seed, "cold_start_scale": sim.cold_start_scale}
    if setup.rules.script:
        said["script"] = {
            profile: [[at_ns / NS_PER_S, count] for at_ns, count in changes]
            for profile, changes in setup.rules.script
        }
    return TargetSaid(
        kind="sie",
        role="gateway",
        url="",
        simulated=True,
        virtual=True,
        version=CONTRACTS[setup.dialect].gateway_version,
        dialect=setup.dialect,
        dialect_source="told",
        said={"simulated": said},
        live_workers=first["live"],
        serving=first["serving"],
    )

"""From a run folder with a scenario in it to the same folder with everything that happened."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from locust.env import Environment

from bench.drive.control import Control, endpoint_of, secret
from bench.drive.crew import Crew
from bench.drive.given import Names
from bench.drive.health import HealthWatch
from bench.drive.host import git, host, versions
from bench.drive.lanes import Patience, await_lanes
from bench.drive.merge import losses
from bench.drive.pools import Pools
from bench.drive.preflight import Preflight, preflight
from bench.drive.session import Plan, Session, clock_of
from bench.drive.target import introduce
from bench.drive.users import sessions
from bench.record import (
    SCHEDULE,
    Books,
    Calibration,
    CalibrationError,
    RunFolder,
    RunInfo,
    join,
    read_calibration,
    this_machine,
)
from bench.scenario import Scenario, Traffic
from bench.workload import DEFAULT_CHARS_PER_TOKEN, Schedule, Texts, make_schedule

Say = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """A run under way: the session, and who keeps watch beside it."""

    folder: RunFolder
    info: RunInfo
    session: Session | Crew
    watch: HealthWatch | None

    def admit(self, traffic: Traffic) -> None:
        """Tasks ask under a new name: run.json has its class before the first of its requests."""
        scenario = self.info.scenario
        if traffic.name not in {told["name"] for told in scenario["classes"]}:
            classes = [*scenario["classes"], traffic.model_dump(mode="json")]
            self.info = self.info.model_copy(update={"scenario": scenario | {"classes": classes}})
            self.folder.save(self.info)
        if self.watch:
            self.watch.follow(traffic.model)

    def finish(self, as_long_as: float | None = None) -> Books:
        """Drain, close, join log and schedule, and close the books.

        A run that was stopped early is marked `interrupted`, unless `as_long_as` seconds is how long it was
        meant to be: where Locust decides when to stop, or a lane that came up, that is the duration. One that
        lost a worker is marked `salvaged`, whoever ended it.
        """
        self.session.drain()
        facts = self.session.close()
        if self.watch:
            self.watch.stop()
        books, doubts = join(self.folder, self.info.processes)
        early = facts["stopped_early"] and as_long_as is None
        state = "interrupted" if early else "complete"
        update: dict[str, Any] = {"state": state, "generator": facts, "books": books}
        if lost := losses(self.folder, facts):
            warnings = [*self.info.warnings, *lost]
            update |= {"state": "salvaged", "salvage": doubts, "warnings": warnings}
        if as_long_as is not None:
            update["scenario"] = self.info.scenario | _lasting(self.info.scenario, as_long_as)
        self.info = self.info.model_copy(update=update)
        self.folder.save(self.info)
        return books


@contextmanager
def prepare(folder: RunFolder, info: RunInfo, say: Say, patience: Patience | None = None) -> Iterator[Plan]:
    """Make the schedule, look at the target, make its pools, and write all of it down.

    With `patience` it waits for lanes with so few workers. The pools last as long as the context. Raises
    TargetError, TraceError, LengthError, WarmError.
    """
    scenario = Scenario.model_validate(info.scenario, strict=False)
    endpoint, admin_key = endpoint_of(scenario.target), secret(scenario.target.admin_key_env)
    say("making the schedule")
    schedule = make_schedule(scenario)
    folder.write_long_schedule(part.select(SCHEDULE.names).cast(SCHEDULE) for part in schedule.tables())
    with closing(Control(endpoint, admin_key)) as control:
        say(f"asking {endpoint.url} about itself")
        cold_for_s = await_lanes(scenario, control, patience, say) if patience else None
        said = introduce(scenario, control).model_copy(update={"cold_for_s": cold_for_s})
        with Pools(control, scenario.pools, say) as pools:
            made = {name: state.workers for name, state in pools.states.items()}
            learned = preflight(scenario, said.model_copy(update={"pools": made}), control)
            folder.save(_told(info, schedule, learned))
            texts = Texts(scenario.seeds.texts, learned.chars_per_token)
            has_health = said.role == "gateway"
            yield Plan(folder, info.run_id, scenario, schedule, texts, endpoint, has_health)


def _told(info: RunInfo, schedule: Schedule, learned: Preflight) -> RunInfo:
    """run.json with all that is known before the start."""
    facts = {
        "hash": schedule.hash,
        "requests": len(schedule) if schedule.is_open else None,
        "losses": dict(schedule.losses),
    }
    kept, doubt = _calibration()
    update = {
        "calibration": kept,
        "host": host(),
        "versions": versions(),
        "git": git(),
        "target": learned.said,
        "chars_per_token": learned.chars_per_token,
        "chars_per_token_source": learned.sources,
        "warnings": [
            *info.warnings,
            *_unverified(schedule.scenario),
            *learned.warnings,
            *doubt,
            *_losses(schedule),
        ],
        "schedule": facts,
    }
    return info.model_copy(update=update)


def _calibration() -> tuple[Calibration | None, list[str]]:
    """What this host was proved to drive, so that the run can be judged by it anywhere; or what is wrong."""
    try:
        return read_calibration(this_machine().node), []
    except CalibrationError as error:
        return None, [str(error)]


def begin(
    plan: Plan,
    environment: Environment,
    session: Session | Crew,
    declared: Sequence[Traffic] = (),
) -> Run:
    """Start the session; the clock of the run starts a little later.

    Tasks of a locustfile may ask under the names of `declared` classes, and under others; with several
    processes there are no such tasks.
    """
    session.agree()
    update = {"state": "running", "clock": clock_of(session.start_ns)}
    info = plan.folder.info().model_copy(update=update)
    plan.folder.save(info)
    sessions[environment] = session
    run = Run(plan.folder, info, session, _watch(plan, session))
    if isinstance(session, Session):
        session.open_desk(_names(plan, info, declared, run))
    session.start()
    return run


def _names(plan: Plan, info: RunInfo, declared: Sequence[Traffic], run: Run) -> Names:
    target = plan.scenario.target
    per_token = plan.scenario.chars_per_token or DEFAULT_CHARS_PER_TOKEN
    dialect = info.target.dialect if info.target else None
    return Names(target.kind, dialect, declared, run.admit, per_token if target.estimate_tokens else None)


def _watch(plan: Plan, session: Session | Crew) -> HealthWatch | None:
    if not plan.has_health:
        return None
    models = {traffic.model for traffic in plan.scenario.classes}
    return HealthWatch(plan.endpoint, models, plan.folder.health_file, session.start_ns)


def _lasting(scenario: dict[str, Any], duration_s: float) -> dict[str, float]:
    """Duration and warm-up of a run that lasted so long; no warm-up where it would leave nothing."""
    duration_s = max(round(duration_s, 3), 0.001)
    warmup_s = scenario["warmup_s"] if scenario["warmup_s"] < duration_s else 0.0
    return {"duration_s": duration_s, "warmup_s": warmup_s}


def _unverified(scenario: Scenario) -> list[str]:
    url = scenario.target.url or ""
    if scenario.target.verify or not url.startswith("https:"):
        return []
    return [f"target.verify is off: {url} was believed without a look at its certificate, whoever it was"]


def _losses(schedule: Schedule) -> list[str]:
    return [f"trace: lines {what}: {count}" for what, count in schedule.losses.items() if count]

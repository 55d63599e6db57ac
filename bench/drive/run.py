"""From a run folder with a scenario in it to the same folder with everything that happened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from locust.env import Environment

from bench.drive.health import HealthWatch
from bench.drive.host import git, host, versions
from bench.drive.preflight import preflight
from bench.drive.session import Plan, Session
from bench.drive.target import endpoint_of
from bench.drive.users import sessions
from bench.protocol import Endpoint
from bench.record import SCHEDULE, Books, RunFolder, RunInfo, join
from bench.scenario import Scenario
from bench.workload import Schedule, Texts, make_schedule

Say = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """A run under way: the session, and who keeps watch beside it."""

    folder: RunFolder
    info: RunInfo
    session: Session
    watch: HealthWatch | None

    def finish(self, as_long_as: float | None = None) -> Books:
        """Drain, close, join log and schedule, and close the books.

        A run that was stopped early is marked `interrupted`, unless `as_long_as` seconds is how long it was
        meant to be: where Locust decides when to stop, that is the duration.
        """
        self.session.drain()
        facts = self.session.close()
        if self.watch:
            self.watch.stop()
        books, _ = join(self.folder)
        early = facts["stopped_early"] and as_long_as is None
        update = {"state": "interrupted" if early else "complete", "generator": facts, "books": books}
        if as_long_as is not None:
            update["scenario"] = self.info.scenario | _lasting(self.info.scenario, as_long_as)
        self.info = self.info.model_copy(update=update)
        self.folder.save(self.info)
        return books


def prepare(folder: RunFolder, info: RunInfo, say: Say) -> Plan:
    """Make the schedule, look at the target, write both down.

    Raises TargetError, TraceError, LengthError.
    """
    scenario = Scenario.model_validate(info.scenario, strict=False)
    endpoint = endpoint_of(scenario.target)
    say("making the schedule")
    schedule = make_schedule(scenario)
    say(f"asking {endpoint.url} about itself")
    learned = preflight(scenario, endpoint)
    folder.write_schedule(schedule.table().select(SCHEDULE.names).cast(SCHEDULE))
    facts = {
        "hash": schedule.hash,
        "requests": len(schedule) if schedule.is_open else None,
        "losses": dict(schedule.losses),
    }
    learned_facts = {
        "host": host(),
        "versions": versions(),
        "git": git(),
        "target": learned.said,
        "chars_per_token": learned.chars_per_token,
        "chars_per_token_source": learned.sources,
        "warnings": [*info.warnings, *learned.warnings, *_losses(schedule)],
        "schedule": facts,
    }
    folder.save(info.model_copy(update=learned_facts))
    texts = Texts(scenario.seeds.texts, learned.chars_per_token)
    return Plan(folder, info.run_id, scenario, schedule, texts, endpoint)


def begin(plan: Plan, environment: Environment) -> Run:
    """Open log and engine; the clock of the run starts half a second from now."""
    session = Session(plan, environment)
    info = plan.folder.info().model_copy(update={"state": "running", "clock": session.clock})
    plan.folder.save(info)
    sessions[environment] = session
    session.start()
    return Run(plan.folder, info, session, _watch(plan.endpoint, plan.folder, session))


def _watch(endpoint: Endpoint, folder: RunFolder, session: Session) -> HealthWatch | None:
    if endpoint.kind != "sie":
        return None
    return HealthWatch(endpoint, folder.health_file, session.start_ns)


def _lasting(scenario: dict[str, Any], duration_s: float) -> dict[str, float]:
    """Duration and warm-up of a run that lasted so long; no warm-up where it would leave nothing."""
    duration_s = max(round(duration_s, 3), 0.001)
    warmup_s = scenario["warmup_s"] if scenario["warmup_s"] < duration_s else 0.0
    return {"duration_s": duration_s, "warmup_s": warmup_s}


def _losses(schedule: Schedule) -> list[str]:
    return [f"trace: lines {what}: {count}" for what, count in schedule.losses.items() if count]

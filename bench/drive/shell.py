"""`locust -f bench/locustfile.py`: Locust starts and stops, each start is a run with a folder of its own."""

import os
import shlex
import shutil
import sys
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from locust.env import Environment

from bench.drive.control import TargetError
from bench.drive.run import Run, begin, prepare
from bench.drive.session import Session
from bench.drive.users import PoolUser
from bench.record import FolderError, RunFolder, RunInfo, create_folder
from bench.scenario import Scenario, ScenarioError, is_given, load, shipped

RESULTS = Path("results")
SCENARIO_VARIABLE = "BENCH_SCENARIO"
TURNS, TASKS = "chat-closed-loop.yaml", "locust/own-tasks.yaml"
"""The scenario without that variable: where some users take its turns, and where all have their own tasks."""

OPEN_ENDED_S = 86_400.0
"""Duration of a run whose end only Locust knows; the folder gets the true one when it stops."""


class Shell:
    """Makes a run of each time that Locust starts."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._run: Run | None = None
        self._held = ExitStack()
        environment.events.test_start.add_listener(self._start)  # type: ignore[no-untyped-call]
        environment.events.test_stop.add_listener(self._stop)  # type: ignore[no-untyped-call]
        # Locust decides on its exit code before it stops the test.
        environment.events.quitting.add_listener(self._tell)  # type: ignore[no-untyped-call]

    def _start(self, **_: Any) -> None:
        try:
            self._run = self._begin()
        except (ScenarioError, FolderError, TargetError) as error:
            _say(str(error))
            self._environment.process_exit_code = 2
            if self._environment.runner:
                self._environment.runner.greenlet.spawn(self._environment.runner.quit)

    def _begin(self) -> Run:
        """Where it ends before anything could be sent, no folder stays behind."""
        scenario, source = self._scenario()
        effective = self._effective(scenario, source)
        folder = create_folder(RESULTS, f"{scenario.name}-locust", datetime.now(UTC))
        try:
            info = _info(folder, effective, source, self._command(effective))
            plan = self._held.enter_context(prepare(folder, info, _say))
            return begin(plan, self._environment, Session(plan, self._environment), scenario.classes)
        except BaseException:
            if not folder.log_files():
                shutil.rmtree(folder.path)
            raise

    def _tell(self, **_: Any) -> None:
        if self._run is not None:
            self._run.session.bulletin.post(self._environment)

    def _stop(self, **_: Any) -> None:
        if self._run is None:
            return
        run, self._run = self._run, None
        run.session.stop_sending()
        _say(f"waiting for {run.session.in_flight} replies")
        with self._held:
            books = run.finish(as_long_as=run.session.elapsed_s)
        path = run.folder.path
        _say(f"{books.scheduled} requests in {path}; make its report with: bench report {path}")

    def _scenario(self) -> tuple[Scenario, Path]:
        """The scenario named by BENCH_SCENARIO, with Locust's host, users and run time in it."""
        options = self._environment.parsed_options
        source = Path(os.environ.get(SCENARIO_VARIABLE) or shipped(TURNS if self._turning() else TASKS))
        users = self._environment.runner.target_user_count if self._environment.runner else 1
        run_time = getattr(options, "run_time", None) or OPEN_ENDED_S
        host = self._host()
        changes = [
            "arrivals=null",
            f"closed_loop.users={max(1, users)}",
            f"duration_s={float(run_time)}",
            *([f"target.url={host}"] if host else []),
        ]
        scenario = load(source, changes)
        if scenario.target.url is None:
            raise TargetError(f"no target: give --host, or target.url in the scenario of {SCENARIO_VARIABLE}")
        return scenario, source

    def _command(self, scenario: Scenario) -> str:
        """What repeats the run. Not the words as they were typed: options of a user's own may be secrets."""
        options, loop = self._environment.parsed_options, scenario.closed_loop
        file, run_time = getattr(options, "locustfile", None), getattr(options, "run_time", None)
        words = [
            "locust",
            *(["-f", file] if file else []),
            "--headless",
            "-u",
            str(loop.users if loop else 1),
        ]
        words += [*(["-t", f"{run_time}s"] if run_time else []), "--host", str(scenario.target.url)]
        named = os.environ.get(SCENARIO_VARIABLE)
        return shlex.join(words) if not named else f"{SCENARIO_VARIABLE}={shlex.join([named, *words])}"

    def _host(self) -> str | None:
        """Locust's own, or that of the user classes."""
        options = self._environment.parsed_options
        if host := self._environment.host or getattr(options, "host", None):
            return str(host)
        hosts = sorted({user.host for user in self._users() if user.host})
        if len(hosts) > 1:
            raise TargetError(f"a run has one target, and the users name {', '.join(hosts)}: give --host")
        return hosts[0] if hosts else None

    def _users(self) -> list[type[PoolUser]]:
        return [user for user in self._environment.user_classes if issubclass(user, PoolUser)]

    def _turning(self) -> list[type[PoolUser]]:
        """The users that take the scenario's turns."""
        return [user for user in self._users() if user.takes_turns()]

    def _effective(self, scenario: Scenario, source: Path) -> Scenario:
        """Without the scenario's turns, where nobody takes them. Raises TargetError where there are none."""
        given = tuple(filter(is_given, scenario.classes))
        turning = self._turning()
        if turning and len(given) == len(scenario.classes):
            raise TargetError(
                f"{turning[0].__name__} has no tasks, so it takes the scenario's turns, and {source} has "
                "none: give it tasks, or the scenario a class with lengths"
            )
        return scenario if turning else scenario.model_copy(update={"classes": given})


_shells: "WeakKeyDictionary[Environment, Shell]" = WeakKeyDictionary()


def attach(environment: Environment, **_: Any) -> None:
    """Listen to a Locust, once."""
    # Imports take seconds, and Locust's timers would count them as passed.
    gevent.get_hub().loop.update_now()
    if environment not in _shells:
        _shells[environment] = Shell(environment)


def _info(folder: RunFolder, scenario: Scenario, source: Path, command: str) -> RunInfo:
    folder.scenario_file.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    info = RunInfo(
        run_id=uuid.uuid4().hex,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        scenario=scenario.model_dump(mode="json"),
        command=command,
    )
    folder.save(info)
    return info


def _say(text: str) -> None:
    print(f"poolbench: {text}", file=sys.stderr, flush=True)

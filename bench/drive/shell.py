"""`locust -f bench/locustfile.py`: Locust starts and stops, each start is a run with a folder of its own."""

import os
import sys
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from locust.env import Environment

from bench.drive.control import TargetError
from bench.drive.run import Run, begin, prepare
from bench.record import FolderError, RunFolder, RunInfo, create_folder
from bench.scenario import Scenario, ScenarioError, load, shipped

RESULTS = Path("results")
SCENARIO_VARIABLE = "BENCH_SCENARIO"

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

    def _start(self, **_: Any) -> None:
        try:
            scenario, source = self._scenario()
            folder = create_folder(RESULTS, f"{scenario.name}-locust", datetime.now(UTC))
            info = _info(folder, scenario, source)
            self._run = begin(self._held.enter_context(prepare(folder, info, _say)), self._environment)
        except (ScenarioError, FolderError, TargetError) as error:
            _say(str(error))
            self._environment.process_exit_code = 2
            if self._environment.runner:
                self._environment.runner.greenlet.spawn(self._environment.runner.quit)

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
        source = Path(os.environ.get(SCENARIO_VARIABLE) or shipped("chat-closed-loop.yaml"))
        users = self._environment.runner.target_user_count if self._environment.runner else 1
        run_time = getattr(options, "run_time", None) or OPEN_ENDED_S
        host = self._environment.host or getattr(options, "host", None)
        changes = [
            "arrivals=null",
            f"closed_loop.users={max(1, users)}",
            f"duration_s={float(run_time)}",
            *([f"target.url={host}"] if host else []),
        ]
        return load(source, changes), source


def _info(folder: RunFolder, scenario: Scenario, source: Path) -> RunInfo:
    folder.scenario_file.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    info = RunInfo(
        run_id=uuid.uuid4().hex,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        scenario=scenario.model_dump(mode="json"),
        command="locust",
    )
    folder.save(info)
    return info


def _say(text: str) -> None:
    print(f"poolbench: {text}", file=sys.stderr, flush=True)

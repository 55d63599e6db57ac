"""`python -m bench.drive RUN_FOLDER`: replay the scenario in the folder, leave the run there.

Says what it does in lines of JSON on stdout: {"say": …}, {"web": url}, {"progress": {…}} once a second, and
at the end {"books": {…}}.
SIGINT or SIGTERM once: send nothing more, wait for replies; twice: end at once. The folder is complete either
way; where none of it was to be sent yet, it has no log.
Exit codes: 0 done, 2 the target, an input file or the disk will not do (reason on stderr), 4 a lane that was
to be cold, or to have so few workers, was not, 70 a process of several was lost (the folder is complete where
the run had begun), 130 interrupted.
"""

import argparse
import contextlib
import json
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment

from bench.drive.control import TargetError
from bench.drive.crew import Crew, CrewError
from bench.drive.lanes import Patience, WarmError
from bench.drive.merge import losses
from bench.drive.run import Run, begin, prepare
from bench.drive.session import Plan, Session
from bench.drive.started import Started, grown, served
from bench.drive.stops import Stops
from bench.drive.users import OpenLoopUser, PoolUser
from bench.drive.worker import serve
from bench.record import FolderError, RunFolder, held
from bench.workload import LengthError, TraceError

PROGRESS_EVERY_S = 1.0

LOST = 70
WARM = 4


def main() -> int:
    """Run; returns the exit code."""
    options = _options()
    folder = RunFolder(options.folder)
    gevent.get_hub().NOT_ERROR += (KeyboardInterrupt,)  # its end is told by the exit code
    if options.worker is not None:
        return serve(folder, options.worker, options.workers, options.link)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with held(folder.path):
            return 130 if options.until_stdin_closes and _is_left_behind() else _drive(options, folder)
    except (TargetError, TraceError, LengthError, FolderError) as error:
        print(error, file=sys.stderr)
        return 2
    except WarmError as error:
        print(error, file=sys.stderr)
        return WARM
    except CrewError as error:
        print(error, file=sys.stderr)
        return LOST
    except KeyboardInterrupt:
        return 130


def _drive(options: argparse.Namespace, folder: RunFolder) -> int:
    _check_free(options.web_port)
    info = folder.info().model_copy(update={"processes": options.processes})
    with prepare(folder, info, _say, _patience(options)) as plan:
        return replay(
            plan,
            options.web_port,
            options.processes,
            until_stdin_closes=options.until_stdin_closes,
            until_started=options.lane_workers if options.until_started else None,
        )


def _is_left_behind() -> bool:
    """Whether the parent is gone already: nothing is ever written to stdin, so it is readable at its end."""
    return bool(select.select([0], [], [], 0)[0])


def replay(
    plan: Plan,
    web_port: int | None = None,
    processes: int = 1,
    *,
    until_stdin_closes: bool = False,
    until_started: int | None = None,
) -> int:
    """Run what was prepared; returns the exit code.

    `until_started`: no longer than until each lane, which had so many workers, has started.
    """
    user = OpenLoopUser if plan.schedule.is_open else PoolUser
    environment = Environment(user_classes=[user], events=events, host=plan.endpoint.url)
    runner = environment.create_local_runner()
    web = _web_ui(environment, web_port)
    stops = Stops()  # first: from its log on a folder is to be complete, whenever a signal comes
    alone = processes == 1
    session = Session(plan, environment) if alone else Crew(plan, environment, processes, _say, stops.asked)
    run = begin(plan, environment, session)
    stops.pass_to(session)
    # The Stop button of Locust's page.
    stopped = environment.events.test_stop
    stopped.add_listener(lambda **_: run.session.stop_sending())  # type: ignore[no-untyped-call]
    if until_stdin_closes:
        gevent.spawn(_stop_without_parent, run)
    users = plan.scenario.closed_loop.users if plan.scenario.closed_loop else 1
    runner.start(users, spawn_rate=users)
    reporter = gevent.spawn(_report, run)
    lasted_s = _until_over(run, _started(plan, environment, run, until_started))
    if run.session.in_flight:
        _emit({"say": f"waiting for {run.session.in_flight} replies"})
    try:
        books = run.finish(lasted_s)
    except OSError as error:  # the log could not be written
        print(f"{plan.folder.path}: {error.strerror}; the run was stopped", file=sys.stderr)
        return 2
    finally:
        reporter.kill()
    _emit({"progress": run.session.progress()})
    _emit({"books": books.model_dump()})
    runner.quit()
    if web:
        web.stop()
    return _code(run, was_stopped=lasted_s is None)


def _started(plan: Plan, environment: Environment, run: Run, workers: int | None) -> Started | None:
    """What to look out for, where that ends the run: an answer of a cold lane, or one worker more."""
    if workers is None:
        return None
    if not workers or run.watch is None:
        return Started(served(plan.scenario, environment.stats))
    watch = run.watch
    return Started(grown(plan.scenario, workers, lambda: watch.serving))


def _until_over(run: Run, started: Started | None) -> float | None:
    """Wait for the end of sending; for how long that was, where it was for every lane having started."""
    while not run.session.over():
        gevent.sleep(0.1)
        if started and started.long_enough():
            lasted_s = run.session.elapsed_s
            run.session.stop_sending()
            return lasted_s
    return None


def _code(run: Run, *, was_stopped: bool) -> int:
    """`was_stopped`: whoever ended it early, it was not we who had seen enough."""
    if was_stopped and run.info.generator["stopped_early"]:
        return 130
    lost = losses(run.folder, run.info.generator)
    for sentence in lost:
        print(sentence, file=sys.stderr)
    return LOST if lost else 0


def _patience(options: argparse.Namespace) -> Patience | None:
    if options.wait_cold is None:
        return None
    return Patience(options.wait_cold, options.cold_for, options.lane_workers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.drive", description=__doc__)
    parser.add_argument("folder", type=Path, help="a run folder with run.json in it")
    parser.add_argument("--web-port", type=int, help="serve Locust's page on 127.0.0.1 at this port")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the parent is gone")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="share the load among N processes"
    )
    parser.add_argument(
        "--wait-cold", type=float, metavar="S", help="wait so long for lanes with --lane-workers"
    )
    parser.add_argument(
        "--lane-workers", type=int, default=0, metavar="N", help="that each lane begins with; 0 if cold"
    )
    parser.add_argument(
        "--until-started",
        action="store_true",
        help="end once each lane has had an answer or, with --lane-workers, has one more",
    )
    parser.add_argument("--cold-for", type=float, default=0.0, metavar="S", help="and that for so long")
    for name in ("--worker", "--workers", "--link"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)  # how it starts its own processes
    options = parser.parse_args()
    # Locust's page parses the command line again, and knows other options.
    del sys.argv[1:]
    return options


def _check_free(port: int | None) -> None:
    """Raise TargetError where another program has the page's port: Locust would only log it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError as error:
            reason = error.strerror
            raise TargetError(
                f"port {port} for Locust's page: {reason}; name another with --web-port"
            ) from None


def _web_ui(environment: Environment, port: int | None) -> Any:
    if port is None:
        return None
    web = environment.create_web_ui("127.0.0.1", port)
    _emit({"web": f"http://127.0.0.1:{port}"})
    return web


def _report(run: Run) -> None:
    while True:
        gevent.sleep(PROGRESS_EVERY_S)
        _emit({"progress": run.session.progress()})


def _stop_without_parent(run: Run) -> None:
    while gevent.os.tp_read(0, 4096):
        pass
    run.session.cancel()


def _say(text: str) -> None:
    _emit({"say": text})


def _emit(line: dict[str, Any]) -> None:
    # A parent that is gone must not cost the run its end.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())

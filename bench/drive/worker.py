"""`python -m bench.drive RUN_FOLDER --worker I --workers N --link FD`: one of a crew's processes.

It makes the schedule again from run.json, is refused where that is not the leader's, opens its connections,
and says that it is ready. Then it is told the start, drives its slice, and ends when told, or when its leader
is gone: what is in flight is then cancelled, and its log is whole.
"""

import os
import signal
import socket

import gevent
from gevent.event import Event
from locust import events
from locust.env import Environment

from bench.drive.control import TargetError, endpoint_of
from bench.drive.link import Link
from bench.drive.session import Plan, Session
from bench.drive.sums import Sums
from bench.record import FolderError, RunFolder
from bench.scenario import Scenario
from bench.workload import LengthError, Texts, TraceError, make_schedule

REPORT_EVERY_S = 0.2

REFUSED = 2


def serve(folder: RunFolder, worker: int, workers: int, descriptor: int) -> int:
    """Be that worker; returns the exit code."""
    # The leader hears of Ctrl-C, and of what a service manager sends to all; it says what follows from it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    link = Link(socket.socket(fileno=descriptor))
    environment = Environment(events=events)
    try:
        session = Session(plan_of(folder, worker), environment, worker, workers)
    except (FolderError, TargetError, TraceError, LengthError) as error:
        link.send(refused=str(error))
        return REFUSED
    except OSError as error:
        link.send(refused=f"worker {worker} cannot begin: {error.strerror or error}")
        return REFUSED
    link.send(ready=True)
    start = link.receive()
    if start is None:
        return 0
    session.agree(start["start_ns"])
    return _Worker(link, session, environment).work()


def plan_of(folder: RunFolder, worker: int) -> Plan:
    """The leader's plan, from run.json. Raises FolderError where the schedule comes out as another."""
    info = folder.info()
    scenario = Scenario.model_validate(info.scenario, strict=False)
    schedule = make_schedule(scenario)
    if schedule.hash != info.schedule["hash"]:
        raise FolderError(
            f"worker {worker} makes another schedule ({schedule.hash[:16]}) than the run has "
            f"({info.schedule['hash'][:16]}): the scenario, or a file that it names, has changed meanwhile; "
            "nothing was sent, run it again"
        )
    texts = Texts(scenario.seeds.texts, info.chars_per_token)
    return Plan(folder, info.run_id, scenario, schedule, texts, endpoint_of(scenario.target))


class _Worker:
    def __init__(self, link: Link, session: Session, environment: Environment) -> None:
        self._link, self._session = link, session
        self._sums = Sums(environment, session.bulletin)
        self._leave = Event()
        self._working = True
        self._began_cpu_s = _cpu_s()

    def work(self) -> int:
        """From the start to the end."""
        self._session.start()
        gevent.spawn(self._obey)
        reporter = gevent.spawn(self._report)
        self._leave.wait()
        if not self._session.dead:
            self._session.drain()
        self._working = False
        reporter.join()
        try:
            facts = self._session.close()
        except OSError as error:  # the log could not be written
            self._link.send(died=f"its log: {error.strerror}")
            return 1
        self._tell()
        self._link.send(facts=facts)
        return 0

    def _obey(self) -> None:
        session = self._session
        while (order := self._link.receive()) is not None:
            match order:
                case {"join": user}:
                    session.join(user)
                case {"leave": user}:
                    session.leave(user)
                case {"stop": _}:
                    session.stop_sending()
                case {"cancel": _}:
                    session.cancel()
                case {"drain": _}:
                    self._leave.set()
        session.cancel()
        self._leave.set()

    def _report(self) -> None:
        while self._working:
            gevent.sleep(REPORT_EVERY_S)
            self._tell()
            if self._session.dead:
                self._leave.set()

    def _tell(self) -> None:
        session = self._session
        self._link.send(
            progress=session.progress(),
            over=session.over(),
            cpu_s=round(_cpu_s() - self._began_cpu_s, 6),
            sums=self._sums.take(),
        )


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system

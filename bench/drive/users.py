"""The users that Locust sees. The sockets behind them belong to the engine."""

import itertools
from typing import Any
from weakref import WeakKeyDictionary

from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from bench.drive.client import PoolClient
from bench.drive.crew import Crew
from bench.drive.desk import Desk
from bench.drive.session import Session

sessions: "WeakKeyDictionary[Environment, Session | Crew]" = WeakKeyDictionary()
"""The session of each of Locust's environments, set before its users start."""


class _SessionUser(User):
    abstract = True

    @property
    def session(self) -> Session | Crew:
        """The session of the run that this user belongs to."""
        return sessions[self.environment]


class OpenLoopUser(_SessionUser):
    """Stands for a worker's slice of the schedule, which the engine sends by itself."""

    fixed_count = 1

    @task
    def replay(self) -> None:
        """Be there until everything is sent, then retire."""
        self.session.rest.wait()
        raise StopUser


def turns(user: "PoolUser") -> None:
    """Take the scenario's turns until the run is over: think, ask, wait for the reply; the engine does it."""
    if user.environment not in sessions:
        raise StopUser
    session = user.session
    session.join(user.number)
    try:
        session.rest.wait()
    finally:
        session.leave(user.number)
    raise StopUser


class PoolUser(_SessionUser):
    """A closed-loop user. Without tasks of its own it takes the turns of the scenario; with tasks it does
    those, and what they ask by `self.client` is sent by the engine and recorded as any other request.
    """

    abstract = True
    tasks = [turns]  # noqa: RUF012 - an attribute of Locust's
    _numbers = itertools.count()

    def __init_subclass__(cls, **words: Any) -> None:
        super().__init_subclass__(**words)
        cls.tasks = [each for each in cls.tasks if each is not turns] or [turns]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.number = next(self._numbers)
        self.client = PoolClient(self.number, self._desk)

    def _desk(self) -> Desk:
        session = sessions.get(self.environment)
        if session is None or session.desk is None:
            raise RuntimeError("no run is under way: ask in a task, in on_start or in on_stop")
        return session.desk

    @classmethod
    def takes_turns(cls) -> bool:
        """Whether it has no tasks of its own."""
        return turns in cls.tasks

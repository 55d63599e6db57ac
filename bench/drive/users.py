"""The users that Locust sees. The sockets behind them belong to the engine."""

import itertools
from weakref import WeakKeyDictionary

from gevent import sleep
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from bench.drive.session import Session

sessions: "WeakKeyDictionary[Environment, Session]" = WeakKeyDictionary()
"""The session of each of Locust's environments, set before its users start."""


class _SessionUser(User):
    abstract = True

    @property
    def session(self) -> Session:
        """The session of the run that this user belongs to."""
        return sessions[self.environment]


class OpenLoopUser(_SessionUser):
    """Hands a worker's slice of the schedule to the engine; it never waits for replies."""

    fixed_count = 1

    @task
    def replay(self) -> None:
        """Feed the engine, then retire."""
        self.session.replay()
        while not self.session.over():
            sleep(0.05)
        raise StopUser


class PoolUser(_SessionUser):
    """A closed-loop user: thinks, asks, waits for the reply, and starts over."""

    _numbers = itertools.count()

    def on_start(self) -> None:
        """Take a number, which is the user's ring of turns; without a session there is nothing to do."""
        if self.environment not in sessions:
            raise StopUser
        self.number = next(self._numbers)

    @task
    def turn(self) -> None:
        """One turn; when the run is over there is none left."""
        if self.session.turn(self.number) is None:
            raise StopUser

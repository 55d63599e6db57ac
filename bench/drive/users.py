"""The users that Locust sees. The sockets behind them belong to the engine."""

import itertools
from weakref import WeakKeyDictionary

from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from bench.drive.crew import Crew
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


class PoolUser(_SessionUser):
    """A closed-loop user, who thinks, asks, waits for the reply, and starts over; the engine does it."""

    _numbers = itertools.count()

    def on_start(self) -> None:
        """Take a number, which is the user's ring of turns; without a session there is nothing to do."""
        if self.environment not in sessions:
            raise StopUser
        self.number = next(self._numbers)
        self.session.join(self.number)

    @task
    def turns(self) -> None:
        """Take turns until the run is over."""
        self.session.rest.wait()
        raise StopUser

    def on_stop(self) -> None:
        """Ask no more."""
        if self.environment in sessions:
            self.session.leave(self.number)

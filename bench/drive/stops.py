"""Ctrl-C and its kin, from before the run begins: whoever stops it in that moment is not forgotten."""

import signal

import gevent
from gevent.event import Event

from bench.drive.crew import Crew
from bench.drive.session import Session

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stops:
    """The first signal stops sending, the second ends everything at once.

    Listens from when it is made, and keeps what comes before there is a session. The first sets `asked`.
    """

    def __init__(self) -> None:
        self.asked = Event()
        self._count = 0
        self._session: Session | Crew | None = None
        self._listeners = [gevent.signal_handler(number, self._came) for number in NUMBERS]

    def pass_to(self, session: Session | Crew) -> None:
        """Tell a session that was started of all that came, and of what comes."""
        self._session = session
        if self._count:
            self._tell(session)

    def _came(self) -> None:
        self._count += 1
        self.asked.set()
        if self._session is not None:
            self._tell(self._session)

    def _tell(self, session: Session | Crew) -> None:
        if self._count == 1:
            session.stop_sending()
        else:
            session.cancel()

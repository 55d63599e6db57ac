"""A worker process as its leader knows it."""

import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent.event import Event

from bench.drive.link import Link

DEATH_S = 5.0
"""So long a process may take to end after it hung up."""

Heard = Callable[["Member", dict[str, Any] | None], None]


class Member:
    """Starts the process and keeps what it says; `heard` is called after each word, with Locust's sums.

    `settled` is set when it is ready, refused or gone; `ended` when its facts are here or it is gone.
    """

    def __init__(self, number: int, command: Sequence[str], heard: Heard) -> None:
        self.number, self._heard = number, heard
        ours, theirs = socket.socketpair()
        self._link = Link(ours)
        # In a session of its own: Ctrl-C is for the leader to handle.
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--link", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self.settled, self.ended = Event(), Event()
        self.over = False
        self.refused: str | None = None
        self.lost: str | None = None
        """What became of it, where it ended without its facts: `was killed by signal 9`."""
        self.lost_at_s = 0.0
        self._cpu_s = 0.0
        self._looks = 0
        self._progress: dict[str, Any] = {}
        self._facts: dict[str, Any] | None = None
        self._last_words: str | None = None
        self._listener = gevent.spawn(self._listen)

    @property
    def gone(self) -> bool:
        """Whether nothing more comes of it."""
        return bool(self.ended.is_set())

    @property
    def facts(self) -> dict[str, Any]:
        """What it told of itself at its end, or how it was lost."""
        if self._facts is None:
            told = {"lost": self.lost, "lost_at_s": self.lost_at_s, "process_cpu_s": self._cpu_s}
        else:
            told = self._facts
        return {"worker": self.number, **told}

    def silence(self) -> int:
        """How often this was asked since its last word: a leader that was stopped itself heard none."""
        self._looks += 1
        return self._looks

    def told(self, name: str) -> int:
        """A count of its last progress."""
        return int(self._progress.get(name) or 0)

    def send(self, **order: Any) -> None:
        """Tell it something; one that is gone hears nothing."""
        self._link.send(**order)

    def kill(self, why: str | None = None) -> None:
        """End it at once."""
        self._last_words = why
        self._process.kill()
        self.wait()

    def wait(self) -> None:
        """Until it is gone."""
        self._listener.join()

    def _listen(self) -> None:
        try:
            self._hear()
        finally:
            self._bury()

    def _hear(self) -> None:
        while (message := self._link.receive()) is not None:
            self._looks = 0
            match message:
                case {"progress": progress, "over": over, "cpu_s": cpu_s, "sums": sums}:
                    self._progress, self.over, self._cpu_s = progress, over, cpu_s
                    self._heard(self, sums)
                case {"ready": _}:
                    self.settled.set()
                case {"refused": sentence}:
                    self.refused = sentence
                case {"facts": facts}:
                    self._facts = facts
                    return
                case {"died": reason}:
                    self._last_words = reason

    def _bury(self) -> None:
        code = self._end()
        if self._facts is None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            self.lost = f"{how} ({self._last_words})" if self._last_words else how
        self.ended.set()
        self.settled.set()
        self._link.close()
        self._heard(self, None)

    def _end(self) -> int:
        try:
            return int(self._process.wait(DEATH_S))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return int(self._process.wait())

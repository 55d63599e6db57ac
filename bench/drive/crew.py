"""Several processes that drive one run: the leader's side of it, which looks like one session from outside.

CrewError   a worker ended before the start, and not because of what the user gave

Each worker has its slice (`index % workers`, in a closed loop `user % workers`) and its own log. The leader
names one start, passes on users and stops, and adds up what is told for the progress line and Locust's page.
Locust's own master and workers are not used: their channel loses messages under load, takes a worker that is
busy for one that is dead, and knows nothing of an agreed start.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment

from bench.drive.bulletin import Bulletin
from bench.drive.control import TargetError
from bench.drive.flight import NS_PER_S
from bench.drive.member import Member
from bench.drive.merge import merged
from bench.drive.session import Plan
from bench.drive.sums import Sums
from bench.drive.surroundings import Surroundings

LEAD_NS = NS_PER_S
"""From naming the start to the start: time to hear of it and to render the first requests."""

SILENCE_LIMIT = 30
"""A worker, which speaks five times a second, is given up at so many looks, one a second, without a word."""

Say = Callable[[str], None]


class CrewError(Exception):
    """One sentence."""


class Crew:
    """A session of several processes."""

    def __init__(self, plan: Plan, environment: Environment, workers: int, say: Say, asked: Event) -> None:
        """Start them, and wait until every one is ready.

        Raises TargetError where one will not begin, CrewError where one dies, KeyboardInterrupt where the end
        is `asked` for meanwhile; then none is left.
        """
        self.plan, self._say = plan, say
        self.bulletin = Bulletin()
        self._sums = Sums(environment, self.bulletin)
        self._surroundings = Surroundings()
        self._stopping = False
        self.desk = None
        self.start_ns = 0
        self.rest = Event()
        self._members: list[Member] = []
        say(f"starting {workers} workers")
        try:
            for number in range(workers):
                self._members.append(Member(number, _command(plan, number, workers), self._heard))
            self._await_ready(asked)
        except BaseException:
            self._disband()
            raise

    def _await_ready(self, asked: Event) -> None:
        for member in self._members:
            gevent.wait([member.settled, asked], count=1)
            if asked.is_set():
                raise KeyboardInterrupt
            if member.refused is not None:
                raise TargetError(member.refused)
            if member.lost:
                raise CrewError(f"worker {member.number} {member.lost} before the start")

    def _disband(self) -> None:
        for member in self._members:
            member.kill()
        for log in self.plan.folder.log_files():
            log.unlink()

    # --- life ----------------------------------------------------------------------------------------------

    def agree(self) -> None:
        """Name the start to all."""
        self.start_ns = time.monotonic_ns() + LEAD_NS
        self._order(start_ns=self.start_ns)

    def start(self) -> None:
        """From here on it counts what the machine does, and silence."""
        self._surroundings.start()
        self._watch = gevent.spawn(self._end_the_silent)

    def _end_the_silent(self) -> None:
        while True:
            gevent.sleep(1)
            for member in self._members:
                if not member.gone and member.silence() > SILENCE_LIMIT:
                    member.kill(f"it said nothing for {SILENCE_LIMIT} s")

    @property
    def elapsed_s(self) -> float:
        """Since the agreed start; negative before it."""
        return (time.monotonic_ns() - self.start_ns) / NS_PER_S

    @property
    def in_flight(self) -> int:
        """Requests sent and not ended, as last heard."""
        return sum(member.told("in_flight") for member in self._members if not member.gone)

    def over(self) -> bool:
        """Whether everything was sent that will be."""
        return all(member.over or member.gone for member in self._members)

    def stop_sending(self) -> None:
        """Send nothing more; replies are still waited for."""
        self._stopping = True
        self._order(stop=True)

    def cancel(self) -> None:
        """End everything now."""
        self._stopping = True
        self._order(cancel=True)

    def drain(self) -> None:
        """Wait for replies until the drain limit; what is still open then is unfinished."""
        self._order(drain=True)
        for member in self._members:
            member.ended.wait()

    def close(self) -> dict[str, Any]:
        """The facts about ourselves, of all processes together."""
        self.rest.set()
        self._watch.kill()
        for member in self._members:
            member.wait()
        elapsed_s = round(max(0.0, self.elapsed_s), 3)
        told = [member.facts for member in self._members]
        machine = self._surroundings.stop(sum(one["process_cpu_s"] for one in told))
        return {"ended_at_s": elapsed_s, **merged(told, machine), "stopped_early": self._stopping}

    # --- what Locust's users call --------------------------------------------------------------------------

    def join(self, user: int) -> None:
        """Closed loop: a user comes."""
        self._of(user).send(join=user)

    def leave(self, user: int) -> None:
        """Closed loop: a user goes."""
        self._of(user).send(leave=user)

    def _of(self, user: int) -> Member:
        """Numbers beyond those of the schedule begin again at 0."""
        loop = self.plan.scenario.closed_loop
        return self._members[(user % loop.users if loop else user) % len(self._members)]

    # --- what workers say ----------------------------------------------------------------------------------

    def _heard(self, member: Member, sums: dict[str, Any] | None) -> None:
        """A worker told of its progress, or is gone."""
        if sums is not None:
            self._sums.add(sums)
        elif member.lost and self.start_ns:
            member.lost_at_s = max(0.0, round(self.elapsed_s, 3))
            others = [other for other in self._members if not other.gone]
            rest = "the others go on" if others else "none is left"
            self._say(
                f"worker {member.number} {member.lost} {member.lost_at_s:.1f} s after the start; {rest}"
            )
        if self.over():
            self.rest.set()

    def progress(self) -> dict[str, Any]:
        """One line of progress, as a session has it."""
        open_loop = self.plan.schedule.is_open
        return {
            "elapsed_s": round(max(0.0, self.elapsed_s), 1),
            "duration_s": self.plan.scenario.duration_s,
            "scheduled": len(self.plan.schedule) if open_loop else None,
            "sent": sum(member.told("sent") for member in self._members),
            "in_flight": self.in_flight,
            "errors": sum(member.told("errors") for member in self._members),
            "ttft_p50_ms": self.bulletin.ttft_p50_ms(),
        }

    def _order(self, **message: Any) -> None:
        for member in self._members:
            member.send(**message)


def _command(plan: Plan, number: int, workers: int) -> list[str]:
    words = [sys.executable, "-m", "bench.drive", str(plan.folder.path)]
    return [*words, "--worker", str(number), "--workers", str(workers)]

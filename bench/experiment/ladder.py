"""Which load a calibration tries next, from what the steps so far showed. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyze import disturbed
from bench.record import Step

Rung = tuple[int, float]
"""Streams at once, and small requests a second beside them: a `Step.asked`."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The loads to climb: first streams, then small requests beside a share of the streams that held.

    Where one holds and the next does not, what lies between is tried until they are no further apart than
    `finest`. With `confirm` the most streams that held are tried again before they are believed.
    """

    streams: tuple[int, ...]
    small_requests_per_s: tuple[int, ...]
    finest: float = 1.5
    confirm: bool = True

    def next(self, done: Sequence[Step]) -> Rung | None:
        """The next load; None at the end. A step that others disturbed is tried once more."""
        if done and not done[-1].holds and disturbed(done[-1]) and _tries(done, done[-1].asked) == 1:
            return done[-1].asked
        held, streams = _climb(self.streams, _answers(done, small=False), self.finest)
        if streams is not None:
            return streams, 0.0
        if held is None:
            return None
        if self.confirm and _believed(done, (held, 0.0)) == 1 and _tries(done, (held, 0.0)) < MOST_TRIES:
            return held, 0.0
        _, small = _climb(self.small_requests_per_s, _answers(done, small=True), self.finest)
        return None if small is None else (max(1, held // BESIDE), float(small))


MOST_TRIES = 3
"""A load that held is tried no more often than this for a second time that it holds."""

BESIDE = 4
"""One in so many of the streams that held goes on beside the small requests."""


def rungs(most: int, lowest: int = 16, factor: int = 4) -> tuple[int, ...]:
    """From the lowest up by a factor, and the most at the end."""
    climbing = []
    while lowest < most:
        climbing.append(lowest)
        lowest *= factor
    return (*climbing, most)


def _climb(ladder: Sequence[int], answers: dict[int, bool], finest: float) -> tuple[int | None, int | None]:
    """The highest rung that held below the first that did not, and which to try next."""
    failed = min((rung for rung, held in answers.items() if not held), default=None)
    good = [rung for rung, held in answers.items() if held and (failed is None or rung < failed)]
    held = max(good, default=None)
    if failed is None:
        return held, next((rung for rung in ladder if rung > (held or 0)), None)
    if held is None:
        return None, None
    between = round(math.sqrt(held * failed))
    return held, between if failed / held > finest and between not in answers else None


def _answers(done: Sequence[Step], *, small: bool) -> dict[int, bool]:
    """Whether each rung held, by the last try."""
    return {
        round(step.asked_small_requests_per_s) if small else step.asked_streams: step.holds
        for step in done
        if (step.asked_small_requests_per_s > 0) == small
    }


def _believed(done: Sequence[Step], asked: Rung) -> int:
    return sum(step.asked == asked and step.holds for step in done)


def _tries(done: Sequence[Step], asked: Rung) -> int:
    return sum(step.asked == asked for step in done)

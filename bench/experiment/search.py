"""The highest rate that a target sustains under its SLO: which run comes next, and what is known at the end.

Pure: it is told what each run showed, and says what to run next; forty runs at most. Three stages:

* ceiling: one short burst of a closed loop; its throughput X sets the bracket [0.3 X, 1.1 X].
* bisect: at the geometric middle of the bracket, runs with new seeds until it is clear whether the
  attainment lies above or below the target, three at most; six times, which leaves 2 %.
* confirm: five fresh runs 1.5 % below where the bisection ended; where the lower bound of their attainment
  (one-sided 95 %, a t over the runs on the logit scale) does not reach the target, 2.5 % less, and five
  fresh ones again; 6 % less once there is room for no more than five.

The bisection's own end is the luckiest rate as often as not: on a queue whose truth is known it is too high
every second time, and what is confirmed by more than 2 % in none of four hundred. A run that does not count
is one of the forty all the same: it took its time.
"""

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

from bench.experiment.plan import ExperimentError

Stage = Literal["ceiling", "bisect", "confirm"]

BRACKET = (0.3, 1.1)
HALVINGS = 6
MOST_ROUNDS = 3
SURE_AT_ONCE = (4.0, 0.1)
"""A share of misses above so many times (or below that part of) what is allowed decides with one run."""
MOST_AT_A_POINT = 3
DOUBT = 0.20
CONFIRM_RUNS = 5
CONFIRM_BEGIN, CONFIRM_STEP, LAST_STEP = 0.985, 0.975, 0.94
"""Parts of a rate: the first one that is tried, of where the bisection ended; then each of the one before."""
MOST_RUNS = 40
LEVEL = 0.95
MOST_INVALID = 3


class Tried(BaseModel):
    """One run that was made: which share of the `offered` requests met every limit of their SLO.

    Of the ceiling `rate_per_s` is the throughput that was found; of others the rate that was asked. A run
    that does not count (`valid` is False) is made again with another seed.
    """

    model_config = ConfigDict(frozen=True)

    stage: Stage
    rate_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    seed: int
    attainment: Annotated[float, Field(ge=0, le=1)] = 0.0
    offered: Annotated[int, Field(ge=0)] = 0
    valid: bool = True

    @property
    def share(self) -> float:
        """The attainment, half a request away from 0 and 1, where a logit is not finite."""
        edge = 0.5 / (self.offered + 1)
        return min(max(self.attainment, edge), 1 - edge)


@dataclass(frozen=True, slots=True)
class Probe:
    """The run to make: at which rate (None: a burst of a closed loop), with which seed, and why there.

    `low` and `high` are the bracket so far; `run` counts from 1 the runs at this point.
    """

    stage: Stage
    rate_per_s: float | None
    seed: int
    low: float | None = None
    high: float | None = None
    run: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """The end of a search; rates in requests/s.

    `estimate_per_s` is where the bisection ended: about right, and too high every second time.
    """

    outcome: Literal["confirmed", "inconclusive", "invalid"]
    confirmed_per_s: float | None
    refuted_per_s: float | None
    estimate_per_s: float | None
    runs: int
    reason: str

    @property
    def sentence(self) -> str:
        """What may be said."""
        refuted = f"; refuted above: {self.refuted_per_s:.4g}/s" if self.refuted_per_s else ""
        if self.confirmed_per_s is None:
            return f"{self.outcome}: {self.reason}{refuted}"
        return f"confirmed at {LEVEL:.0%}: {self.confirmed_per_s:.4g}/s{refuted}"


_Steps = Generator[Probe, Tried, Found]


@dataclass(slots=True)
class _Bracket:
    low: float
    high: float
    passed: float | None = None
    failed: float | None = None

    def narrow(self, rate: float, *, passes: bool) -> None:
        """One side moves to the rate that was decided."""
        if passes:
            self.low = self.passed = rate
        else:
            self.high = self.failed = rate


@dataclass(frozen=True, slots=True)
class Search:
    """A search for one target; the same history always leads to the same next run.

    `attainment` is the share of the offered requests that must meet their limits; the seeds of the runs are
    `first_seed`, `first_seed + 1`, and so on.
    """

    attainment: Annotated[float, Field(gt=0, lt=1)] = 0.95
    first_seed: int = 1

    def next(self, done: Sequence[Tried]) -> Probe | Found:
        """What to run after `done`, or what was found. Raises ExperimentError if `done` is another's."""
        steps = _Course(self, list(done)).steps()
        probe = next(steps)
        try:
            for tried in done:
                _check(probe, tried)
                probe = steps.send(tried)
        except StopIteration as end:
            return _found(end)
        return probe


def _found(end: StopIteration) -> Found:
    found: Found = end.value
    return found


def _check(probe: Probe, tried: Tried) -> None:
    same_rate = probe.rate_per_s is None or math.isclose(probe.rate_per_s, tried.rate_per_s, rel_tol=1e-9)
    if (probe.stage, probe.seed) != (tried.stage, tried.seed) or not same_rate:
        raise ExperimentError(
            f"run {tried.seed} was {tried.stage} at {tried.rate_per_s:g}/s, where this search would make "
            f"{probe.stage} at {probe.rate_per_s or 0:g}/s: it was begun with other options, or by an older "
            "version"
        )


@dataclass(slots=True)
class _Course:
    """One way through a search, written as if each run were made on the spot."""

    search: Search
    done: list[Tried] = field(default_factory=list)
    made: list[Tried] = field(default_factory=list)
    estimate: float | None = None

    def steps(self) -> _Steps:
        """The whole search; yields what to run and is sent what it showed."""
        try:
            return (yield from self._all())
        except _TooManyInvalidError as error:
            return self._end("invalid", str(error))
        except _SpentError:
            lost = sum(not run.valid for run in self.made)
            besides = f"; {lost} of them did not count" if lost else ""
            reason = (
                f"{len(self.made)} runs confirmed nothing, and more than {MOST_RUNS} are not made{besides}"
            )
            return self._end("inconclusive", reason)

    def _all(self) -> _Steps:
        ceiling = yield from self._run(Probe("ceiling", None, self._seed()))
        if ceiling.rate_per_s <= 0:
            return self._end("inconclusive", "the burst got no answer at all")
        bracket = _Bracket(*(part * ceiling.rate_per_s for part in BRACKET))
        yield from self._bisect(bracket)
        if bracket.passed is None:
            return self._end("inconclusive", f"even {bracket.high:.4g}/s misses the SLO")
        self.estimate = bracket.passed
        rate = CONFIRM_BEGIN * bracket.passed
        while self._left >= CONFIRM_RUNS:
            accepted = yield from self._confirm(rate, bracket)
            if accepted:
                return self._end("confirmed", "", rate)
            rate *= CONFIRM_STEP if self._left >= 2 * CONFIRM_RUNS else LAST_STEP
        raise _SpentError

    def _bisect(self, bracket: _Bracket) -> Generator[Probe, Tried, None]:
        """Halve until 2 % are left; where only one side ever moved, go on beyond the other, twice at most."""
        for _ in range(MOST_ROUNDS):
            for _ in range(HALVINGS):
                rate = math.sqrt(bracket.low * bracket.high)
                passes = yield from self._passes(rate, bracket)
                bracket.narrow(rate, passes=passes)
            if bracket.passed is None:
                bracket.low *= BRACKET[0]
            elif bracket.failed is None:
                bracket.high /= BRACKET[0]
            else:
                return

    def _passes(self, rate: float, bracket: _Bracket) -> Generator[Probe, Tried, bool]:
        runs: list[Tried] = []
        while True:
            tried = yield from self._run(self._probe("bisect", rate, bracket, len(runs) + 1))
            runs.append(tried)
            decided = _decided(runs, self.search.attainment)
            if decided is not None:
                return decided

    def _confirm(self, rate: float, bracket: _Bracket) -> Generator[Probe, Tried, bool]:
        """Fresh runs only; what cannot be accepted any more is given up early."""
        runs: list[Tried] = []
        while len(runs) < CONFIRM_RUNS:
            tried = yield from self._run(self._probe("confirm", rate, bracket, len(runs) + 1))
            runs.append(tried)
            if refutes(runs, self.search.attainment):
                return False
        low, _ = bounds(runs)
        return low >= self.search.attainment

    def _run(self, probe: Probe) -> Generator[Probe, Tried, Tried]:
        """One run that counts; each try has a seed of its own."""
        for _ in range(MOST_INVALID):
            if not self._left:
                raise _SpentError
            tried = yield replace(probe, seed=self._seed())
            self.made.append(tried)
            if tried.valid:
                return tried
        raise _TooManyInvalidError(f"{MOST_INVALID} runs in a row did not count; see why in their summaries")

    def _probe(self, stage: Stage, rate: float, bracket: _Bracket, run: int) -> Probe:
        return Probe(stage, rate, self._seed(), bracket.low, bracket.high, run)

    def _seed(self) -> int:
        return self.search.first_seed + len(self.made)

    @property
    def _left(self) -> int:
        return MOST_RUNS - len(self.made)

    def _end(
        self,
        outcome: Literal["confirmed", "inconclusive", "invalid"],
        reason: str,
        confirmed: float | None = None,
    ) -> Found:
        refuted = refuted_from(self.made, self.search.attainment, confirmed or 0.0)
        return Found(outcome, confirmed, refuted, self.estimate, len(self.made), reason)


class _TooManyInvalidError(Exception):
    """One run after the other does not count."""


class _SpentError(Exception):
    """What is left of the runs does not end a confirmation."""


def _decided(runs: Sequence[Tried], target: float) -> bool | None:
    """Above or below the target; None: one more run."""
    last = runs[-1].share
    if len(runs) == 1 and not _band(target)[0] <= last <= _band(target)[1]:
        return last > target
    if len(runs) < 2:
        return None
    low, high = bounds(runs, 1 - DOUBT / 2, logits=False)
    if len(runs) >= MOST_AT_A_POINT or not low <= target <= high:
        return (low + high) / 2 >= target
    return None


def _band(target: float) -> tuple[float, float]:
    """Attainments between which a single run decides nothing: 0.80 and 0.995 of a target of 0.95."""
    return 1 - SURE_AT_ONCE[0] * (1 - target), 1 - SURE_AT_ONCE[1] * (1 - target)


def bounds(runs: Sequence[Tried], level: float = LEVEL, *, logits: bool = True) -> tuple[float, float]:
    """Lower and upper bound of the attainment, each at `level`: a t over two runs or more."""
    shares = np.array([run.share for run in runs])
    values = np.log(shares / (1 - shares)) if logits else shares
    half = stats.t.ppf(level, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    found = values.mean() - half, values.mean() + half
    low, high = (1 / (1 + math.exp(-value)) for value in found) if logits else found
    return float(low), float(high)


def far_below(run: Tried, target: float) -> bool:
    """Whether one run decides at once that its rate is too high."""
    return run.attainment < _band(target)[0]


def refutes(runs: Sequence[Tried], target: float) -> bool:
    """Whether the runs at one rate show that it is too high: one far below, or their upper bound is."""
    if any(far_below(run, target) for run in runs):
        return True
    return len(runs) > 1 and bounds(runs)[1] < target


def refuted_from(made: Iterable[Tried], target: float, above: float) -> float | None:
    """The lowest rate, above what is confirmed, that its runs refute; None where none is."""
    by_rate: dict[float, list[Tried]] = {}
    for run in made:
        if run.valid and run.stage != "ceiling" and run.rate_per_s > above:
            by_rate.setdefault(run.rate_per_s, []).append(run)
    return min((rate for rate, runs in by_rate.items() if refutes(runs, target)), default=None)

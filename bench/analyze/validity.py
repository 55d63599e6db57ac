"""Is a run fit for a gate? Rules with number, limit and advice; docs/gate.md has the table and the reasons.

V6 (which intervals are shown) is `bench.analyze.intervals.withheld`; V11, V14 and V15 need two runs and stand
in `bench.analyze.gate`.
"""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd

from bench.analyze.provisioning import Provisioning
from bench.analyze.run import Run
from bench.analyze.served import told
from bench.analyze.steady import BATCHES, batch_medians, in_flight, settled_after, stands_apart, trend
from bench.analyze.verdict import Generator, Verdict
from bench.analyze.window import Value, Window
from bench.metrics import Floats
from bench.scenario import ConstantArrivals, PoissonArrivals

Status = Literal["ok", "warn", "invalid", "unknown"]

ERRORS_WARN, ERRORS_INVALID = 0.001, 0.01
GC_PAUSE_S = 0.050
LATE_BEATS = 0.01
TREND_WARN, TREND_INVALID = 0.01, 0.001
KEPT_UP = 0.95
SURE = 3.0
SETTLED_SHARE = 0.2
APART, APART_P = 0.05, 0.001
USERS_SHARE = 0.10

# A long run has many columns, and only these are sorted and copied here.
_NEEDED = ["scheduled_s", "sent_s", "end_s", "in_window", "answered", "ttft_s", "e2e_s"]


class Check(Value):
    """One rule: what was found against its limit, in numbers and in a sentence, and what to do about it.

    `unknown`: the run does not tell, so the rule holds nothing against it.
    """

    rule: str
    name: str
    status: Status
    value: float | None
    limit: float | None
    sentence: str
    advice: str = ""


def validity(
    run: Run,
    frame: pd.DataFrame,
    window: Window,
    facts: Generator,
    judged: Verdict,
    starts: tuple[Provisioning, ...],
) -> tuple[Check, ...]:
    """Every rule that one run can be held against; `frame` is `measured(run)`."""
    frame = frame[_NEEDED]
    answered = frame.loc[frame["in_window"], "answered"]
    numbers = _on_their_way(frame, window)
    return (
        _generator(facts, judged),
        _engine(run),
        *_schedule(run, len(answered), window),
        *_little(run, frame, window, float(numbers.mean())),
        _errors(answered),
        _warm_up(frame, window),
        *_stationary(frame, window, numbers),
        _kept_up(frame, window, float(numbers[: BATCHES // 2].mean())),
        *_cold(run, window, starts),
    )


def faults(checks: tuple[Check, ...]) -> tuple[str, ...]:
    """Why a run may not enter a gate, a sentence a broken rule."""
    return tuple(f"{check.rule} {check.sentence}" for check in checks if check.status == "invalid")


def _generator(facts: Generator, judged: Verdict) -> Check:
    """V1, V3 (sent) and V2 (core): the verdict on the generator, which has its own limits."""
    status: Status = "invalid" if judged.judgement == "invalid" else "warn"
    status = "ok" if judged.judgement in {"trusted", "uncalibrated"} else status
    return Check(
        rule="V1",
        name="generator",
        status=status,
        value=facts.send_lag_p99_s,
        limit=None,
        sentence=f"the generator is {judged.judgement}: {'; '.join(judged.reasons)}",
        advice="" if status == "ok" else judged.next_command,
    )


def _engine(run: Run) -> Check:
    told = run.info.generator
    pause_s, beats = told.get("gc_pause_max_s"), told.get("loop_beats")
    late = told.get("loop_beats_late", 0) / beats if beats else 0.0
    if pause_s is None and not beats:
        return _unknown("V2", "engine", "the run tells nothing of the engine's pauses")
    bad = (pause_s or 0.0) > GC_PAUSE_S or late > LATE_BEATS
    return Check(
        rule="V2",
        name="engine",
        status="warn" if bad else "ok",
        value=late,
        limit=LATE_BEATS,
        sentence=f"the engine looked at its clocks more than 10 ms late {late:.2%} of the time (limit "
        f"{LATE_BEATS:.0%}); the longest collection of garbage took {(pause_s or 0.0) * 1e3:.0f} ms (limit "
        f"{GC_PAUSE_S * 1e3:.0f} ms)",
        advice="give the generator a core of its own" if bad else "",
    )


def _schedule(run: Run, offered: int, window: Window) -> Iterator[Check]:
    """The offered rate against the one that was asked; a draw of Poisson arrivals may be three sigma off."""
    arrivals = run.scenario.arrivals
    if not isinstance(arrivals, ConstantArrivals | PoissonArrivals) or window.length_s == 0:
        return
    due = arrivals.rate_per_s * window.length_s
    slack = SURE * math.sqrt(due) if isinstance(arrivals, PoissonArrivals) else max(1.0, 0.005 * due)
    off = abs(offered - due)
    yield Check(
        rule="V3",
        name="schedule",
        status="warn" if off > slack else "ok",
        value=offered / window.length_s,
        limit=arrivals.rate_per_s,
        sentence=f"{offered} requests were due in the window; {due:.0f} +- {slack:.0f} were expected",
        advice="change seeds.arrivals, or measure longer" if off > slack else "",
    )


def _little(run: Run, frame: pd.DataFrame, window: Window, number: float) -> Iterator[Check]:
    """V4: the mean number in flight against rate x mean latency; V5: against the users of a closed loop."""
    inside = frame.loc[frame["in_window"] & frame["sent_s"].notna(), ["sent_s", "end_s"]]
    if window.length_s == 0 or not len(inside) or inside["end_s"].isna().any():
        yield _unknown("V4", "Little's law", "requests without an end leave the number in flight unknown")
        return
    stay_s = float((inside["end_s"] - inside["sent_s"]).mean())
    expected = len(inside) / window.length_s * stay_s
    limit = max(0.02, 0.065 * (120 / window.length_s) ** 0.8)
    # Two requests more or less at the edges are no contradiction.
    off = max(0.0, abs(number - expected) - 2 * stay_s / window.length_s) / expected if expected else 0.0
    yield Check(
        rule="V4",
        name="Little's law",
        status="ok" if off <= limit else "warn" if off <= 3 * limit else "invalid",
        value=off,
        limit=limit,
        sentence=f"{number:.2f} requests were on their way, {expected:.2f} by rate x latency: {off:.1%} "
        f"apart, the limit is {limit:.1%}",
        advice="" if off <= limit else "the load was not steady: measure longer, or at a lower rate",
    )
    loop = run.scenario.closed_loop
    if loop is not None:
        users = number + len(inside) / window.length_s * loop.think_time_s
        off = abs(users - loop.users) / loop.users
        yield Check(
            rule="V5",
            name="users",
            status="ok" if off <= USERS_SHARE else "warn",
            value=off,
            limit=USERS_SHARE,
            sentence=f"{users:.1f} users were waiting or thinking, by the requests; there are {loop.users}",
            advice="" if off <= USERS_SHARE else "measure longer than a conversation takes",
        )


def _errors(answered: "pd.Series[bool]") -> Check:
    if not len(answered):
        return Check(
            rule="V7",
            name="errors",
            status="invalid",
            value=None,
            limit=ERRORS_INVALID,
            sentence="no request was due in the window",
            advice="measure longer",
        )
    rate = 1 - float(answered.mean())
    return Check(
        rule="V7",
        name="errors",
        status="ok" if rate <= ERRORS_WARN else "warn" if rate <= ERRORS_INVALID else "invalid",
        value=rate,
        limit=ERRORS_INVALID,
        sentence=f"{rate:.2%} of the requests were not answered; the limit is {ERRORS_INVALID:.0%}, for "
        "latencies that leave failures out flatter",
        advice="" if rate <= ERRORS_WARN else "see the reasons in the summary",
    )


def _warm_up(frame: pd.DataFrame, window: Window) -> Check:
    """V8: by MSER-5 over the whole run, warm-up included.

    A slow request at the wrong place moves the cut as a start-up does, so it is fatal only where what the
    window has of the start-up stands apart from the rest.
    """
    known, values = _latency(frame, frame["answered"])
    cut = settled_after(values)
    if cut is None:
        return _unknown("V8", "warm-up", "fewer than 100 answers say nothing of a start-up")
    until_s = float(known["scheduled_s"].iloc[cut]) if cut else 0.0
    never = cut >= 0.9 * (values.size // 2)
    late_s = until_s - window.start_s
    first = int(np.searchsorted(known["scheduled_s"].to_numpy(), window.start_s))
    far = never or late_s > SETTLED_SHARE * window.length_s
    status: Status = "invalid" if far and _is_apart(values[first:cut], values[cut:]) else "warn"
    status = status if late_s > 0 else "ok"
    found = "never settled" if never and late_s > 0 else f"settled {until_s:.1f} s into the run"
    return Check(
        rule="V8",
        name="warm-up",
        status=status,
        value=until_s,
        limit=window.start_s,
        sentence=f"latency {found}; the warm-up ends at {window.start_s:g} s",
        advice="" if status == "ok" else "make warmup_s and duration_s longer",
    )


def _is_apart(start: Floats, rest: Floats) -> bool:
    """Whether a start-up's latencies differ from those after it, by more than chance and enough to matter."""
    if not start.size or not rest.size:
        return False
    change = float(np.median(start)) / float(np.median(rest)) - 1
    return abs(change) > APART and stands_apart(start, rest) < APART_P


def _stationary(frame: pd.DataFrame, window: Window, numbers: Floats) -> Iterator[Check]:
    """V9: no trend over 20 batches of the window, neither of the latency nor of the number in flight."""
    _, values = _latency(frame, frame["in_window"] & frame["answered"])
    medians = batch_medians(values)
    if medians is None:
        yield _unknown("V9", "steady latency", "fewer than 200 answers in the window show no trend")
        return
    yield _no_trend("steady latency", "the median latency", medians)
    stay_s = float((frame["end_s"] - frame["sent_s"]).mean())
    if window.length_s / BATCHES >= 2 * stay_s:  # otherwise neighbours hold the same requests, and follow
        yield _no_trend("steady number", "the number in flight", numbers)


def _no_trend(name: str, what: str, batches: Floats) -> Check:
    found = trend(batches)
    rising = found.p_up <= found.p_down
    p = min(found.p_up, found.p_down)
    status: Status = "ok" if p >= TREND_WARN else "warn"
    status = "invalid" if rising and p < TREND_INVALID else status
    return Check(
        rule="V9",
        name=name,
        status=status,
        value=p,
        limit=TREND_INVALID,
        sentence=f"{what} {'rose' if rising else 'fell'} over the window (Kendall's tau {found.tau:+.2f}, p "
        f"{p:.2g}; the limit is {TREND_INVALID:g} for rising)"
        if status != "ok"
        else f"{what} has no trend over the window (p {p:.2g})",
        advice="" if status == "ok" else "lower the rate" if rising else "make warmup_s longer",
    )


def _kept_up(frame: pd.DataFrame, window: Window, usual: float) -> Check:
    """V10: more due than done in the second half, by more than the number in flight may vary."""
    middle_s, end_s = (window.start_s + window.end_s) / 2, window.end_s
    due = int(frame["scheduled_s"].between(middle_s, end_s, inclusive="left").sum())
    done = int(frame["end_s"].between(middle_s, end_s, inclusive="left").sum())
    if window.length_s == 0 or not due:
        return _unknown("V10", "kept up", "no request was due in the second half of the window")
    share = done / due
    behind = share < KEPT_UP and due - done > SURE * math.sqrt(2 * max(1.0, usual))
    return Check(
        rule="V10",
        name="kept up",
        status="invalid" if behind else "ok",
        value=share,
        limit=KEPT_UP,
        sentence=f"in the second half {done} requests ended and {due} were due ({share:.1%}"
        + (f", the limit is {KEPT_UP:.0%}): the server is past its limit" if behind else ")"),
        advice="lower the rate" if behind else "",
    )


def _cold(run: Run, window: Window, starts: tuple[Provisioning, ...]) -> Iterator[Check]:
    """V12: nothing was cold in the window, and no worker came or went."""
    cold = [start for start in starts if _touches(start, window)]
    lines = [line for line in told(run) if window.start_ns <= line["t_ns"] < window.end_ns]
    fleets = {tuple(sorted((name, n) for name, n in line["live"].items() if n)) for line in lines}
    changed = len(fleets) > 1
    said = [f"{len(cold)} lanes were cold in the window"] if cold else []
    said += ["the number of live workers changed in the window"] if changed else []
    yield Check(
        rule="V12",
        name="warm",
        status="invalid" if said else "ok",
        value=float(len(cold)),
        limit=0.0,
        sentence=" and ".join(said) or "nothing was cold in the window",
        advice="make warmup_s longer than the cold start, or keep the workers warm" if said else "",
    )


def _touches(start: Provisioning, window: Window) -> bool:
    if start.demand_s >= window.end_s:
        return False
    return start.still_cold or start.demand_s + start.delay_low_s >= window.start_s


def _latency(frame: pd.DataFrame, answered: "pd.Series[bool]") -> tuple[pd.DataFrame, Floats]:
    """Answers in the order in which they were due, with their ttft; with their e2e where nothing streams."""
    metric = "ttft_s" if (answered & frame["ttft_s"].notna()).any() else "e2e_s"
    known = frame.loc[answered & frame[metric].notna(), ["scheduled_s", metric]]
    if not known["scheduled_s"].is_monotonic_increasing:  # it mostly is, and sorting millions is slow
        known = known.sort_values("scheduled_s", kind="stable")
    return known, known[metric].to_numpy()


def _on_their_way(frame: pd.DataFrame, window: Window) -> Floats:
    """Mean number of requests in flight in each of the batches of the window."""
    if window.length_s == 0:
        return np.zeros(BATCHES)
    edges_s = np.linspace(window.start_s, window.end_s, BATCHES + 1)
    sent_s, end_s = frame["sent_s"].to_numpy(), frame["end_s"].to_numpy()
    return in_flight(sent_s, np.where(np.isnan(sent_s), np.nan, end_s), edges_s)


def _unknown(rule: str, name: str, why: str) -> Check:
    return Check(rule=rule, name=name, status="unknown", value=None, limit=None, sentence=why)

"""May the numbers be believed? A judgement on the generator, never on the server.

The limits stand in docs/metrics.md.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.analyze.calibrated import Standing, standing_of
from bench.analyze.latency import Spread
from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.analyze.window import Value
from bench.metrics import NS_PER_S, quantile
from bench.record import Outcome
from bench.scenario import ConstantArrivals, PoissonArrivals, TraceArrivals

Judgement = Literal["trusted", "uncalibrated", "suspect", "invalid"]

SEND_LAG_SUSPECT_S = 0.001
LATE_SHARE = 0.01
LATE_LEAST = 10
SEND_LAG_FLOOR_S = 0.005
SEND_LAG_CEILING_S = 0.050
SEND_LAG_SHARE = 0.05
SENT_SHARE = 0.999
MERGED_SHARE = 0.001
CORE_SUSPECT_SHARE = 0.80
CORE_INVALID_SHARE = 0.85


class Generator(Value):
    """Facts about ourselves, over the requests of the window; None where nothing was sent.

    Shares are between 0 and 1: of the scheduled requests that were sent, or tried to be (a server that nobody
    can connect to is no fault of ours); of the sent ones that carry the kernel's stamps; of the stream events
    that shared a read with an earlier one; and of one core's time that the engine was busy (whole run; None
    where it was not told). `late` counts requests that were sent more than a millisecond after they were due.
    """

    sent_share: float | None
    kernel_stamp_share: float | None
    merged_share: float | None
    read_lag_p99_s: float | None
    send_lag_p99_s: float | None
    late: int
    late_share: float | None
    engine_core_share: float | None


class Verdict(Value):
    """The judgement, why, and what to type next."""

    judgement: Judgement
    reasons: tuple[str, ...]
    next_command: str


@dataclass(frozen=True, slots=True)
class _Rule:
    broken: bool
    judgement: Judgement
    sentence: str


def generator_facts(run: Run, part: pd.DataFrame) -> Generator:
    """What the requests of the window say about the generator."""
    sent = part[part["sent_s"].notna()]
    # A request without an end left no word of how it was stamped.
    stamped = sent[sent["sent_ns"].notna()]
    late = int((sent["send_lag_s"] > SEND_LAG_SUSPECT_S).sum())
    events, merged = int(sent["events"].sum()), int(sent["merged_events"].sum())
    return Generator(
        sent_share=_share(int((part["outcome"] != Outcome.NOT_SENT).sum()), len(part)),
        kernel_stamp_share=_share(int((stamped["stamp_source"] == "kernel").sum()), len(stamped)),
        merged_share=_share(merged, events),
        read_lag_p99_s=_finite(quantile(floats(sent["read_lag_max_ns"]) / NS_PER_S, 0.99)),
        send_lag_p99_s=_finite(quantile(sent["send_lag_s"].to_numpy(), 0.99)),
        late=late,
        late_share=_share(late, len(sent)),
        engine_core_share=_core_share(run),
    )


def _core_share(run: Run) -> float | None:
    told = run.info.generator
    busy_s, lasted_s = told.get("engine_cpu_s"), told.get("ended_at_s")
    return busy_s / lasted_s if busy_s is not None and lasted_s else None


def _share(some: int, all_of_them: int) -> float | None:
    return some / all_of_them if all_of_them else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def verdict(run: Run, facts: Generator, latencies: dict[str, Spread]) -> Verdict:
    """Judge the generator; the worst broken rule decides, and every broken one is named."""
    rules = [rule for rule in _rules(facts, latencies) if rule.broken]
    worst = next((level for level in ("invalid", "suspect") if level in {r.judgement for r in rules}), None)
    if worst is not None:
        return Verdict(
            judgement=worst,
            reasons=tuple(rule.sentence for rule in rules),
            next_command=_again_at_half_the_load(run),
        )
    standing = standing_of(run, facts.kernel_stamp_share)
    return Verdict(
        judgement="trusted" if standing.trusted else "uncalibrated",
        reasons=(f"nothing speaks against the generator; {standing.sentence}",),
        next_command=standing.next_command or _what_else(run, standing),
    )


def _what_else(run: Run, standing: Standing) -> str:
    return (
        _again_at_half_the_load(run) if standing.too_much else f"bench report {_from_here(run.folder.path)}"
    )


def _rules(facts: Generator, latencies: dict[str, Spread]) -> list[_Rule]:
    if facts.send_lag_p99_s is None:
        return [_Rule(True, "invalid", "no request was sent inside the measurement window")]
    lag_s, (limit_s, why) = facts.send_lag_p99_s, _send_lag_limit(latencies)
    too_late = lag_s > limit_s
    sent, merged, core = facts.sent_share or 0.0, facts.merged_share or 0.0, facts.engine_core_share or 0.0
    return [
        _Rule(
            too_late, "invalid", f"send lag p99 {lag_s * 1e3:.1f} ms is above {limit_s * 1e3:.1f} ms ({why})"
        ),
        _Rule(
            # p99 above 1 ms, as far as there are enough late requests to say so.
            facts.late >= LATE_LEAST and (facts.late_share or 0.0) > LATE_SHARE and not too_late,
            "suspect",
            f"{facts.late} requests ({facts.late_share or 0.0:.1%}) were sent more than "
            f"{SEND_LAG_SUSPECT_S * 1e3:.0f} ms late; the limit is {LATE_SHARE:.0%} (send lag p99 "
            f"{lag_s * 1e3:.1f} ms)",
        ),
        _Rule(
            sent < SENT_SHARE,
            "invalid",
            f"only {sent:.2%} of the scheduled requests were sent; the limit is {SENT_SHARE:.1%}",
        ),
        _Rule(
            merged > MERGED_SHARE,
            "suspect",
            f"{merged:.2%} of the stream events shared a read with another, so their instants are late by an "
            f"unknown part of a gap; the limit is {MERGED_SHARE:.1%}",
        ),
        _Rule(
            core > CORE_SUSPECT_SHARE,
            "invalid" if core > CORE_INVALID_SHARE else "suspect",
            f"the engine kept a core {core:.0%} busy; the limit is {CORE_SUSPECT_SHARE:.0%}",
        ),
    ]


def _send_lag_limit(latencies: dict[str, Spread]) -> tuple[float, str]:
    """5 % of the median ttft (of e2e where nothing streams), but at least 5 ms and at most 50 ms."""
    metric = "ttft" if latencies["ttft"].p50.value is not None else "e2e"
    median_s = latencies[metric].p50.value
    share_s = 0.0 if median_s is None else SEND_LAG_SHARE * median_s
    if share_s <= SEND_LAG_FLOOR_S:
        return SEND_LAG_FLOOR_S, "the least limit"
    if share_s >= SEND_LAG_CEILING_S:
        return SEND_LAG_CEILING_S, "the highest limit"
    return share_s, f"{SEND_LAG_SHARE:.0%} of the median {metric}"


def _again_at_half_the_load(run: Run) -> str:
    less = f"--set {_half_the_load(run)}"
    words = shlex.split(run.info.command)
    # A sweep sets the rate itself, and a folder that was named exists by now.
    if words[:2] == ["bench", "run"] and not {"--rates", "--out"} & set(words):
        return f"{run.info.command} {less}"
    sets = [f"--set {override}" for override in run.info.overrides]
    return " ".join(["bench run", _from_here(run.folder.scenario_file), *sets, less])


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _half_the_load(run: Run) -> str:
    match run.scenario.arrivals:
        case ConstantArrivals(rate_per_s=rate) | PoissonArrivals(rate_per_s=rate):
            return f"arrivals.rate_per_s={rate / 2:g}"
        case TraceArrivals(speed=speed):
            return f"arrivals.speed={speed / 2:g}"
        case None:
            users = run.scenario.closed_loop.users if run.scenario.closed_loop else 1
            return f"closed_loop.users={max(1, users // 2)}"

"""May the numbers be believed? A judgement on the generator, never on the server.

The limits stand in docs/metrics.md.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from bench.analyze.calibrated import Standing, standing_of
from bench.analyze.latency import Spread
from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.analyze.slo import Mask
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
WAITED_SHARE = 0.10
OTHERS_SHARE = 0.50
STEAL_SHARE = 0.05
SIM_LATE_SUSPECT_S = 0.010
_VIRTUAL = "virtual time: nothing was sent, so nothing could be late; what is left to doubt is the model"


class Generator(Value):
    """Facts about ourselves, over the requests of the window; None where nothing was sent.

    Shares are between 0 and 1. Of the scheduled requests: those that were sent, or tried to be (a server that
    nobody can connect to is no fault of ours). Of the sent ones: those that carry the kernel's stamps. Of the
    stream events: those that shared a read with an earlier one. Over the whole run, None where not told: of
    one core's time, that the engine was busy (not only awake), and that it was ready and had no core; of all
    cores that we may run on, what other programs had, and what the hypervisor took. `late` counts requests
    that were sent more than 1 ms after they were due. `sim_late_*`: how late a simulated gateway was with its
    writes, by its own account; None where the gateway is none, or has no clock.
    """

    sent_share: float | None
    kernel_stamp_share: float | None
    merged_share: float | None
    read_lag_p99_s: float | None
    send_lag_p99_s: float | None
    late: int
    late_share: float | None
    engine_core_share: float | None
    engine_waited_share: float | None
    others_share: float | None
    steal_share: float | None
    sim_late_p50_s: float | None = None
    sim_late_p99_s: float | None = None


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
    disturbed: bool = False
    """Whether others are to blame, so that less load would not help."""
    slow: bool = False
    """Whether one more process could help."""


def generator_facts(run: Run, frame: pd.DataFrame, within: Mask) -> Generator:
    """What the requests of the window say about the generator; `frame` is `measured(run)`."""
    was_sent = within & frame["sent_s"].notna().to_numpy()
    sent = np.flatnonzero(was_sent)
    # A request without an end left no word of how it was stamped.
    stamped = was_sent & frame["sent_ns"].notna().to_numpy()
    send_lag_s, read_lag_s = (
        frame["send_lag_s"].to_numpy()[sent],
        floats(frame["read_lag_max_ns"])[sent] / NS_PER_S,
    )
    late = int(np.count_nonzero(send_lag_s > SEND_LAG_SUSPECT_S))
    events, merged = (int(frame[name].to_numpy()[sent].sum()) for name in ("events", "merged_events"))
    reached = within & (frame["outcome"] != Outcome.NOT_SENT).to_numpy()
    return Generator(
        sent_share=_share(_count(reached), _count(within)),
        kernel_stamp_share=_share(
            _count(stamped & (frame["stamp_source"] == "kernel").to_numpy()), _count(stamped)
        ),
        merged_share=_share(merged, events),
        read_lag_p99_s=_finite(quantile(read_lag_s, 0.99)),
        send_lag_p99_s=_finite(quantile(send_lag_s, 0.99)),
        late=late,
        late_share=_share(late, send_lag_s.size),
        engine_core_share=_of_the_run(run, "engine_cpu_s", "engine_spun_s"),
        engine_waited_share=_of_the_run(run, "engine_waited_s"),
        others_share=run.info.generator.get("others_share"),
        steal_share=run.info.generator.get("steal_share"),
        sim_late_p50_s=_sim_late_s(run, "p50_ms"),
        sim_late_p99_s=_sim_late_s(run, "p99_ms"),
    )


def _sim_late_s(run: Run, name: str) -> float | None:
    """What the last health line says of it; the simulator counts from the first request of the run."""
    told = next((line["late"] for line in reversed(run.health) if "late" in line), None)
    return told[name] / 1e3 if told and told.get("writes") else None


def _of_the_run(run: Run, name: str, less: str = "") -> float | None:
    """Of one process, the one with the largest share."""
    told = run.info.generator
    shares = [_of_a_process(one, name, less) for one in told.get("workers", (told,))]
    return max((share for share in shares if share is not None), default=None)


def _of_a_process(told: dict[str, Any], name: str, less: str) -> float | None:
    part_s, lasted_s = told.get(name), told.get("ended_at_s")
    return (part_s - told.get(less, 0.0)) / lasted_s if part_s is not None and lasted_s else None


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _share(some: int, all_of_them: int) -> float | None:
    return some / all_of_them if all_of_them else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def verdict(run: Run, facts: Generator, latencies: dict[str, Spread]) -> Verdict:
    """Judge the generator; the worst broken rule decides, and every broken one is named."""
    if run.info.target and run.info.target.virtual:
        return Verdict(judgement="trusted", reasons=(_VIRTUAL,), next_command=_see(run))
    rules = [rule for rule in (*_losses(run), *_rules(facts, latencies)) if rule.broken]
    worst = next((level for level in ("invalid", "suspect") if level in {r.judgement for r in rules}), None)
    if worst is not None:
        return Verdict(
            judgement=worst,
            reasons=tuple(rule.sentence for rule in rules),
            next_command=_next(run, rules),
        )
    standing = standing_of(run, facts.kernel_stamp_share)
    return Verdict(
        judgement="trusted" if standing.trusted else "uncalibrated",
        reasons=(f"nothing speaks against the generator; {standing.sentence}",),
        next_command=standing.next_command or _what_else(run, standing),
    )


def _next(run: Run, rules: list[_Rule]) -> str:
    """The same again where others are to blame; else with more processes, or less load."""
    if _losses(run) or all(rule.disturbed for rule in rules):
        return _again(run, [])
    # A simulated gateway runs on this machine, and wants a core too.
    simulated = bool(run.info.target and run.info.target.simulated)
    processes, cores = run.info.processes, run.info.generator.get("cores", 1) - simulated
    if processes < cores and all(rule.disturbed or rule.slow for rule in rules):
        return _again(run, [], min(2 * processes, cores))
    return _again(run, [_half_the_load(run)])


def _losses(run: Run) -> list[_Rule]:
    """A load of which a part went missing is not the one that was asked for."""
    workers = run.info.generator.get("workers", ())
    return [
        _Rule(True, "invalid", f"worker {told['worker']} was lost, and its part of the load", disturbed=True)
        for told in workers
        if "lost" in told
    ]


def _what_else(run: Run, standing: Standing) -> str:
    if standing.too_much:
        return _again(run, [_half_the_load(run)])
    return _see(run)


def _see(run: Run) -> str:
    return f"bench report {_from_here(run.folder.path)}"


def own_faults(facts: Generator, latencies: dict[str, Spread]) -> list[str]:
    """What speaks against the generator, less what speaks against others only."""
    return [rule.sentence for rule in _rules(facts, latencies) if rule.broken and not rule.disturbed]


def _rules(facts: Generator, latencies: dict[str, Spread]) -> list[_Rule]:
    if facts.send_lag_p99_s is None:
        return [_Rule(True, "invalid", "no request was sent inside the measurement window")]
    lag_s, (limit_s, why) = facts.send_lag_p99_s, _send_lag_limit(latencies)
    too_late = lag_s > limit_s
    sent, merged, core = facts.sent_share or 0.0, facts.merged_share or 0.0, facts.engine_core_share or 0.0
    return [
        _Rule(
            too_late,
            "invalid",
            f"send lag p99 {lag_s * 1e3:.1f} ms is above {limit_s * 1e3:.1f} ms ({why})",
            slow=True,
        ),
        _Rule(
            # p99 above 1 ms, as far as there are enough late requests to say so.
            facts.late >= LATE_LEAST and (facts.late_share or 0.0) > LATE_SHARE and not too_late,
            "suspect",
            f"{facts.late} requests ({facts.late_share or 0.0:.1%}) were sent more than "
            f"{SEND_LAG_SUSPECT_S * 1e3:.0f} ms late; the limit is {LATE_SHARE:.0%} (send lag p99 "
            f"{lag_s * 1e3:.1f} ms)",
            slow=True,
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
            slow=True,
        ),
        _Rule(
            (facts.sim_late_p99_s or 0.0) > SIM_LATE_SUSPECT_S,
            "suspect",
            f"the simulated gateway itself was late: p99 {(facts.sim_late_p99_s or 0.0) * 1e3:.1f} ms after "
            f"the modelled instants; the limit is {SIM_LATE_SUSPECT_S * 1e3:.0f} ms",
        ),
        *_disturbances(facts),
    ]


def _disturbances(facts: Generator) -> list[_Rule]:
    """The kernel's stamps do not mind, but sending in time does, and so may a target on the same machine."""
    shares = (
        (facts.engine_waited_share, WAITED_SHARE, "the engine was ready and had no core for {} of the run"),
        (
            facts.others_share,
            OTHERS_SHARE,
            "other programs had {} of the cores that the generator may run on",
        ),
        (facts.steal_share, STEAL_SHARE, "the hypervisor took {} of the generator's cores for others"),
    )
    return [
        _Rule(
            (share or 0.0) > limit,
            "suspect",
            f"disturbed: {sentence.format(f'{share or 0.0:.0%}')}; the limit is {limit:.0%}",
            disturbed=True,
        )
        for share, limit, sentence in shares
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


def _again(run: Run, changes: list[str], processes: int | None = None) -> str:
    """The command that repeats the run, with changes."""
    words = shlex.split(run.info.command)
    number = processes or run.info.processes
    shared = [f"--processes {number}"] if number > 1 else []
    # A sweep sets the rate itself, and a folder that was named exists by now.
    if words[:2] == ["bench", "run"] and not {"--rates", "--out"} & set(words):
        typed = re.sub(r" --processes[ =]\d+", "", run.info.command)
        return " ".join([typed, *shared, *(f"--set {change}" for change in changes)])
    if "locust" in words[:2] and "-f" in words:
        users = (change.partition("=")[2] for change in changes if change.startswith("closed_loop.users="))
        return " ".join([run.info.command, *(f"-u {count}" for count in users)])
    sets = [f"--set {override}" for override in (*run.info.overrides, *changes)]
    return " ".join(["bench run", _from_here(run.folder.scenario_file), *shared, *sets])


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

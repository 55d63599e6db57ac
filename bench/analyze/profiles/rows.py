"""The runs of a comparison -> a row a run, with its numbers by name."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analyze.experiment import ListedRun, listed
from bench.analyze.gate.table import Absent, values_of
from bench.analyze.run import load
from bench.analyze.summary import Summary, summarise
from bench.analyze.sustained import replicas
from bench.record import RunFolder

RATES = ("completed_rate", "output_tokens_rate", "items_rate", "goodput")
"""Numbers of the pool, told for one replica."""

COLD = "V12"
"""The rule that a start from cold in the window breaks, which is no latency of a warm replica."""


@dataclass(frozen=True, slots=True)
class ProfileRun:
    """One run of one profile; `seed` is the same for the runs of a pair, `rate_per_s` of one replica.

    `values` by name: `ttft.p95`, or `chat:ttft.p95` for a class; rates are those of one replica. `fault`: why
    the run does not count; empty where it does. `doubts`: other rules of validity that it breaks.
    """

    folder: str
    profile: str
    rate_per_s: float
    seed: int
    values: Mapping[str, float | Absent]
    requests: int
    window_s: float
    unreal: str = ""
    fault: str = ""
    doubts: tuple[str, ...] = ()


def load_profile_runs(folder: Path, planned: Mapping[str, int]) -> list[ProfileRun]:
    """Every finished run of the experiment; `planned` says how many replicas of each profile there were.

    Raises AnalysisError where the folder is no experiment of profiles, or a run in it is damaged.
    """
    jobs = listed(folder, "profiles", "bench profiles").runs
    return [_row(folder, job, planned) for job in jobs if job.done]


def _row(folder: Path, job: ListedRun, planned: Mapping[str, int]) -> ProfileRun:
    run = load(RunFolder(folder / job.folder))
    profile, said = str(job.profile), run.info.target
    summary = summarise(run)
    live = replicas(summary, run.scenario, profile)
    return ProfileRun(
        folder=job.folder,
        profile=profile,
        rate_per_s=(job.rate_per_s or math.nan) / planned[profile],
        seed=job.pair or 0,
        values=_of_a_replica(values_of(summary), live),
        requests=summary.overall.window.scheduled,
        window_s=summary.window.length_s,
        unreal=said.unreal if said else "",
        fault=_fault(summary, live, planned[profile]),
        doubts=tuple(dict.fromkeys(check.rule for check in summary.validity if check.status == "invalid")),
    )


def _of_a_replica(values: Mapping[str, float | Absent], live: int) -> dict[str, float | Absent]:
    return {
        name: value / live if name.rpartition(":")[2] in RATES and not isinstance(value, Absent) else value
        for name, value in values.items()
    }


def _fault(summary: Summary, live: int, planned: int) -> str:
    """Why a run does not count: it must be whole, of a sound generator, and on the fleet as planned."""
    if summary.run.state != "complete":
        return f"the run is {summary.run.state}, not complete"
    if summary.verdict.judgement == "invalid":
        return f"the generator is invalid: {'; '.join(summary.verdict.reasons)}"
    cold = next((one for one in summary.validity if (one.rule, one.status) == (COLD, "invalid")), None)
    if cold is not None:
        return f"{COLD} {cold.sentence}"
    if live != planned:
        return f"{live} replicas served, and {planned} when the capacity was searched"
    return ""


def at_rate(runs: Iterable[ProfileRun], profile: str, rate_per_s: float) -> dict[int, ProfileRun]:
    """The runs of a profile at a rate that count, by seed."""
    return {
        run.seed: run
        for run in runs
        if not run.fault and run.profile == profile and math.isclose(run.rate_per_s, rate_per_s, rel_tol=1e-9)
    }


def out_tokens_in(runs: Iterable[ProfileRun]) -> float | None:
    """Output tokens for each answered request, over all runs that count; None where none told any."""
    tokens = requests = 0.0
    for run in runs:
        told, answered = run.values["output_tokens_rate"], run.values["completed_rate"]
        if not run.fault and not isinstance(told, Absent) and not isinstance(answered, Absent):
            tokens, requests = tokens + told * run.window_s, requests + answered * run.window_s
    return tokens / requests if tokens and requests else None


def names_in(runs: Sequence[ProfileRun], wanted: Sequence[str]) -> list[str]:
    """Of the wanted numbers, those that some run can have: of the whole, or class by class where several."""
    known = dict.fromkeys(name for run in runs for name in run.values)
    classes = list(dict.fromkeys(name.partition(":")[0] for name in known if ":" in name))
    prefixes = [f"{name}:" for name in classes] if len(classes) > 1 else [""]
    names = [f"{prefix}{name}" for prefix in prefixes for name in wanted]
    return [name for name in names if any(_can_have(run, name) for run in runs)]


def _can_have(run: ProfileRun, name: str) -> bool:
    value = run.values.get(name, Absent("unknown", impossible=True))
    return not (isinstance(value, Absent) and value.impossible)

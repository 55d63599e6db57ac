"""The small table that a gate is decided on: one row a run, with its numbers by name."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from bench.analyze.gate.policy import Clause
from bench.analyze.latency import LEVELS
from bench.analyze.measure import measured
from bench.analyze.provisioning import Provisioning
from bench.analyze.run import Run
from bench.analyze.summary import Part, Summary, summarise
from bench.analyze.validity import faults
from bench.metrics import REQUEST_METRICS

Arm = Literal["baseline", "candidate"]
ARMS: tuple[Arm, Arm] = ("baseline", "candidate")

RUN_NUMBERS = (
    "completed_rate",
    "output_tokens_rate",
    "items_rate",
    "attainment",
    "goodput",
    "error_rate",
    "stall_share",
)


@dataclass(frozen=True, slots=True)
class Absent:
    """Why a run lacks a number; `impossible`: no request of the workload can have it."""

    why: str
    impossible: bool = False


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of one arm of one pair.

    `workload` names what was sent to the byte, `scenario` the same but for seeds and target. `values` by
    name: `ttft.p95`, or `chat:ttft.p95` for a class. `within`: for each clause of the policy the share of
    requests that keep it. `faults`: why the run is invalid. `fleet`: live workers, empty where not told.
    `unreal`: what was measured in place of a GPU, empty for a real target. `starts`: lanes that came up cold.
    Of an experiment, `aim`: how the arm's scenario differs, seeds aside; `says`: what in the run's own folder
    names an arm, and which.
    """

    folder: str
    pair: int
    arm: Arm
    place: int
    values: Mapping[str, float | Absent]
    within: Mapping[str, float | None] = field(default_factory=dict)
    workload: str | None = "same"
    scenario: str = "same"
    host: str = ""
    target: str = ""
    version: str = ""
    fleet: Mapping[str, int] = field(default_factory=dict)
    window_s: float = math.inf
    rate_per_s: float | None = None
    requests: int = 1000
    out_tokens: float | None = None
    tokens_source: str | None = None
    faults: tuple[str, ...] = ()
    unreal: str = ""
    run_id: str = ""
    starts: tuple[Provisioning, ...] = ()
    aim: str = ""
    says: tuple[tuple[str, Arm], ...] = ()


def unreal_of(rows: Sequence[RunRow]) -> str:
    """What was measured in place of a GPU, if any of these runs measured none; else empty."""
    return next((row.unreal for row in rows if row.unreal), "")


def name_of(metric: str, traffic_class: str | None) -> str:
    """The name of a number in a row."""
    return f"{traffic_class}:{metric}" if traffic_class else metric


def row_of(run: Run, pair: int, arm: Arm, place: int, clauses: Sequence[Clause] = ()) -> RunRow:
    """The row of a run: `place` counts the runs of the experiment in the order in which they were made."""
    frame, info = measured(run), run.info
    summary = summarise(run, frame)
    told = info.target
    return RunRow(
        folder=run.folder.path.name,
        pair=pair,
        arm=arm,
        place=place,
        values=values_of(summary),
        within=_within(frame, clauses),
        workload=info.schedule.get("hash"),
        scenario=_fingerprint(run),
        host=str(info.host.get("node", "")),
        target=told.url if told else "",
        version=str(told.version or "") if told else "",
        fleet=told.live_workers if told else {},
        window_s=summary.window.length_s,
        rate_per_s=summary.run.asked_rate_per_s,
        requests=summary.overall.window.scheduled,
        out_tokens=summary.overall.lengths.got_out,
        tokens_source=_sources(run),
        faults=(*_cut_short(summary), *faults(summary.validity)),
        unreal=told.unreal if told else "",
        run_id=info.run_id,
        starts=summary.provisioning,
    )


def values_of(summary: Summary) -> dict[str, float | Absent]:
    """Every number of a run that a gate may look at, by name."""
    parts = (summary.overall, *summary.classes)
    return {name_of(metric, part.traffic_class): value for part in parts for metric, value in _numbers(part)}


def _numbers(part: Part) -> Iterator[tuple[str, float | Absent]]:
    for metric in REQUEST_METRICS:
        for level in LEVELS:
            yield f"{metric}.{level}", _level(part, metric, level)
    for name in ("p50", "p95", "p99"):
        found = getattr(part.gaps, name).value if part.gaps else None
        yield f"itl.{name}", Absent("no answer has two token events", True) if found is None else found
    for name in RUN_NUMBERS:
        yield name, _run_number(part, name)


def _level(part: Part, metric: str, name: str) -> float | Absent:
    spread, level = part.latencies[metric], part.latencies[metric].level(name)
    if spread.n == 0 and not spread.left_out:
        return Absent("no request can have it", impossible=True)
    if not level.resolved:
        needed = math.ceil(10 / (1 - LEVELS[name]) - 1e-9)
        return Absent(f"{spread.n} requests are too few for {name}, which needs {needed}")
    if level.value is None:
        return Absent(f"{name} falls among the requests that never ended")
    return level.value


def _run_number(part: Part, name: str) -> float | Absent:
    if name == "stall_share":
        return part.gaps.stall_share if part.gaps else Absent("no answer has two token events", True)
    value = getattr(part, name)
    if value is not None:
        return float(value)
    no_slo = name in {"attainment", "goodput"} and part.slo is None
    nothing = name in {"output_tokens_rate", "items_rate"}
    return Absent("no class has an SLO" if no_slo else "nothing was reported", impossible=no_slo or nothing)


def _within(frame: pd.DataFrame, clauses: Sequence[Clause]) -> dict[str, float | None]:
    """The share of the window's requests that keep each clause; never ended is not kept."""
    inside = frame[frame["in_window"]]
    found: dict[str, float | None] = {}
    for clause in clauses:
        part = inside[inside["traffic_class"] == clause.traffic_class] if clause.traffic_class else inside
        if clause.metric == "error_rate":
            kept = part["answered"].astype(float)
        elif clause.metric == "attainment":
            kept = part.loc[part["has_slo"], "good"].astype(float)
        else:
            value_s = part[f"{clause.metric.partition('.')[0]}_s"]
            ranked = (part["answered"] & value_s.notna()) | part["endless"]
            kept = (value_s <= clause.limit)[ranked].astype(float)
        found[clause.name] = float(kept.mean()) if len(kept) else None
    return found


def _fingerprint(run: Run) -> str:
    """What was asked, but for the seeds, and whom it was asked of."""
    facts = run.scenario.model_dump(mode="json")
    rest = {key: value for key, value in facts.items() if key not in {"seeds", "target", "sim"}}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def _sources(run: Run) -> str:
    return "+".join(sorted(run.requests["tokens_source"].dropna().astype(str).unique()))


def _cut_short(summary: Summary) -> tuple[str, ...]:
    """Why a run is not all of a run."""
    state, whole = summary.run.state, summary.overall.run
    cut = (f"the run is {state}, not complete",) if state != "complete" else ()
    lost = (f"the books do not balance: {whole.scheduled} requests are not those of the schedule, each once",)
    return cut if whole.balanced else (*cut, *lost)

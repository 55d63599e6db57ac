"""summary.json: every number of a run, with what it rests on. docs/run-folder.md explains each key.

Instants, delays and latencies are in seconds, rates per second, shares between 0 and 1; null means "not
defined" or "not reported".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from bench.analyze.counted import estimated_tokens
from bench.analyze.gaps import Gaps, Lane, gaps_of, pooled_gaps
from bench.analyze.latency import Spread, counted, latencies
from bench.analyze.loading import late_loading
from bench.analyze.measure import measured
from bench.analyze.provisioning import Provisioning, provisioning
from bench.analyze.retries import Retries, retries
from bench.analyze.run import Run
from bench.analyze.served import Service
from bench.analyze.slo import Mask, SloResult, slo_result
from bench.analyze.validity import Check, validity
from bench.analyze.verdict import Generator, Verdict, generator_facts, verdict
from bench.analyze.window import Value, Window, window_of
from bench.metrics import Floats
from bench.record import Outcome, Salvage
from bench.scenario import ConstantArrivals, PoissonArrivals

Counts = npt.NDArray[np.float32]

FORMAT_VERSION: Literal[1] = 1


class Tally(Value):
    """Every scheduled request by outcome; `balanced` if none was lost and none counted twice."""

    scheduled: int
    outcomes: dict[str, int]
    balanced: bool

    @property
    def answered(self) -> int:
        """Those that ended ok or degraded."""
        return self.outcomes[Outcome.OK] + self.outcomes[Outcome.DEGRADED]


class Lengths(Value):
    """Mean tokens asked and got a request, over those answered in the window that report both."""

    asked_in: float | None
    got_in: float | None
    asked_out: float | None
    got_out: float | None


class PerWorker(Value):
    """Rates of a part, divided by the live workers that serve its model on its profile.

    `live`: their mean number over the window. The workers may serve other classes as well.
    """

    live: float
    completed_rate: float | None
    output_tokens_rate: float | None
    items_rate: float | None


class Part(Value):
    """The numbers of the whole run, of a class, or of a class on one profile.

    `run` counts the whole run, `window` the measurement window; so do `reasons`, `statuses` and `error_codes`
    (whole run). Everything else is over the window.
    """

    traffic_class: str | None
    operation: str | None
    profile: str | None
    run: Tally
    window: Tally
    latencies: dict[str, Spread]
    offered_rate: float | None
    completed_rate: float | None
    output_tokens_rate: float | None
    items_rate: float | None
    per_worker: PerWorker | None
    error_rate: float | None
    attainment: float | None
    goodput: float | None
    slo: SloResult | None
    gaps: Gaps | None
    lengths: Lengths
    reasons: dict[str, int]
    statuses: dict[str, int]
    error_codes: dict[str, int]


class RunFacts(Value):
    """Which run it was and whom it measured."""

    run_id: str
    folder: str
    scenario: str
    description: str
    created: str
    state: str
    labels: dict[str, str]
    target_kind: str
    target_url: str | None
    target_version: str | None
    dialect: str | None
    pools: dict[str, dict[str, int]]
    simulated: bool
    virtual: bool
    simulation: dict[str, Any]
    live_workers: dict[str, int]
    asked_rate_per_s: float | None
    schedule: dict[str, Any]
    processes: int
    warnings: tuple[str, ...]


class Summary(Value):
    """All of it."""

    format_version: Literal[1] = FORMAT_VERSION
    run: RunFacts
    window: Window
    overall: Part
    classes: tuple[Part, ...]
    lanes: tuple[Part, ...]
    provisioning: tuple[Provisioning, ...]
    retries: Retries | None
    generator: Generator
    verdict: Verdict
    validity: tuple[Check, ...]
    salvage: Salvage | None

    def to_json(self) -> str:
        """The text of summary.json."""
        return self.model_dump_json(indent=2) + "\n"


def summarise(run: Run, frame: pd.DataFrame | None = None) -> Summary:
    """Every number of a run; `frame` is `measured(run)`, for who has it already."""
    frame, window = measured(run) if frame is None else frame, window_of(run)
    statuses = frame["status"].astype("category")
    whole = _Whole(run, window, frame, pooled_gaps(run, frame), Service(run), _counts(frame), statuses)
    everything = np.ones(len(frame), dtype=bool)
    overall = _part(whole, everything, balanced=_balanced(run))
    lanes = {traffic.name: _lanes(whole, traffic.name) for traffic in run.scenario.classes}
    facts = generator_facts(run, frame, frame["in_window"].to_numpy())
    judged, starts = verdict(run, facts, overall.latencies), provisioning(run)
    return Summary(
        run=_facts(run, whole.service),
        window=window,
        overall=overall,
        classes=tuple(parts[0] for parts in lanes.values()),
        lanes=tuple(lane for parts in lanes.values() for lane in parts[1:]),
        provisioning=starts,
        retries=retries(run),
        generator=facts,
        verdict=judged,
        validity=validity(run, frame, window, facts, judged, starts),
        salvage=run.info.salvage,
    )


@dataclass(frozen=True, slots=True)
class _Whole:
    """What every part is a part of. Parts are masks over the frame: copies of its rows would fill memory."""

    run: Run
    window: Window
    frame: pd.DataFrame
    gaps: Mapping[Lane, Floats]
    service: Service
    counts: Mapping[str, Counts]
    statuses: "pd.Series[Any]"


def _counts(frame: pd.DataFrame) -> dict[str, Counts]:
    """Tokens and items a request, NaN where not reported; exact up to 16 million."""
    names = ("asked_in_tokens", "in_tokens", "asked_out_tokens", "out_tokens", "items_returned")
    return {name: frame[name].to_numpy(dtype=np.float32, na_value=np.nan) for name in names}


def _lanes(whole: _Whole, name: str) -> list[Part]:
    """A class, and each of its profiles."""
    mine = (whole.frame["traffic_class"] == name).to_numpy()
    profiles = whole.frame["profile"].cat
    codes = profiles.codes.to_numpy()
    there = np.unique(codes[mine & (codes >= 0)])
    parts = [(str(profiles.categories[code]), mine & (codes == code)) for code in there]
    return [_part(whole, mine, name), *(_part(whole, lane, name, profile) for profile, lane in parts)]


def _part(
    whole: _Whole, mine: Mask, name: str | None = None, profile: str | None = None, balanced: bool = True
) -> Part:
    run, window, frame = whole.run, whole.window, whole.frame
    traffic = run.scenario.traffic(name) if name else None
    target, limits_ms = (
        (traffic.slo.attainment, traffic.slo.limits_ms()) if traffic and traffic.slo else (None, {})
    )
    inside = mine & frame["in_window"].to_numpy()
    answered = inside & frame["answered"].to_numpy()
    slo = slo_result(frame, inside, target, limits_ms)
    window_tally = _tally(frame, inside)
    rates = _rates(whole, mine, window_tally.scheduled)
    live = whole.service.mean_workers(window, traffic.model if traffic else None, profile)
    due = window_tally.scheduled
    return Part(
        traffic_class=name,
        operation=traffic.operation if traffic else None,
        profile=profile,
        run=_tally(frame, mine, balanced),
        window=window_tally,
        latencies=latencies(frame, inside),
        **rates,
        per_worker=_per_worker(rates, live) if live else None,
        error_rate=(due - window_tally.answered) / due if due else None,
        attainment=slo.attainment if slo else None,
        goodput=_per_s(slo.good, window) if slo else None,
        slo=slo,
        gaps=gaps_of(whole.gaps, frame["gap_max_s"].to_numpy()[np.flatnonzero(answered)], name, profile),
        lengths=_lengths(whole.counts, answered),
        reasons=counted(frame["reason"], mine),
        statuses=counted(whole.statuses, mine),
        error_codes=counted(frame["error_code"], mine),
    )


def _tally(frame: pd.DataFrame, within: Mask, balanced: bool = True) -> Tally:
    counts, scheduled = counted(frame["outcome"], within), int(np.count_nonzero(within))
    outcomes = {outcome.value: counts.get(outcome.value, 0) for outcome in Outcome}
    return Tally(
        scheduled=scheduled, outcomes=outcomes, balanced=balanced and scheduled == sum(outcomes.values())
    )


def _balanced(run: Run) -> bool:
    """Whether each scheduled request has one row, against the schedule itself where that fixes the number."""
    index = run.requests["index"].to_numpy(dtype=np.int64)
    once = bool((np.diff(index) > 0).all()) or run.requests["index"].is_unique
    if run.scenario.closed_loop is not None or not run.folder.schedule_file.exists():
        return once
    return once and len(run.requests) == pq.read_metadata(run.folder.schedule_file).num_rows


def _rates(whole: _Whole, mine: Mask, offered: int) -> dict[str, float | None]:
    frame, window = whole.frame, whole.window
    ended = mine & frame["ended_in_window"].to_numpy()
    return {
        "offered_rate": _per_s(offered, window),
        "completed_rate": _per_s(int(np.count_nonzero(ended & frame["answered"].to_numpy())), window),
        "output_tokens_rate": _per_s(_total(frame["window_tokens"].to_numpy(), mine), window),
        "items_rate": _per_s(_total(whole.counts["items_returned"], ended), window),
    }


def _per_worker(rates: dict[str, float | None], live: float) -> PerWorker:
    names = ("completed_rate", "output_tokens_rate", "items_rate")
    shares = {name: None if (rate := rates[name]) is None else rate / live for name in names}
    return PerWorker(live=live, **shares)


def _total(values: Floats | Counts, within: Mask) -> float | None:
    """Their sum over a part; None where not one was reported."""
    known = values[np.flatnonzero(within & ~np.isnan(values))]  # three times as fast as by the mask
    return float(known.sum(dtype=np.float64)) if known.size else None


def _per_s(count: float | None, window: Window) -> float | None:
    return None if count is None or window.length_s == 0 else count / window.length_s


def _lengths(counts: Mapping[str, Counts], answered: Mask) -> Lengths:
    asked_in, got_in = _pair(counts, answered, "asked_in_tokens", "in_tokens")
    asked_out, got_out = _pair(counts, answered, "asked_out_tokens", "out_tokens")
    return Lengths(asked_in=asked_in, got_in=got_in, asked_out=asked_out, got_out=got_out)


def _pair(
    counts: Mapping[str, Counts], answered: Mask, asked: str, got: str
) -> tuple[float | None, float | None]:
    first, second = counts[asked], counts[got]
    both = np.flatnonzero(answered & ~(np.isnan(first) | np.isnan(second)))
    if not both.size:
        return None, None
    return float(first[both].mean(dtype=np.float64)), float(second[both].mean(dtype=np.float64))


def _facts(run: Run, service: Service) -> RunFacts:
    info, said = run.info, run.info.target.said if run.info.target else {}
    arrivals = run.scenario.arrivals
    simulation = said.get("simulated")
    return RunFacts(
        run_id=info.run_id,
        folder=run.folder.path.name,
        scenario=run.scenario.name,
        description=run.scenario.description,
        created=info.created,
        state=info.state,
        labels=info.labels,
        target_kind=info.target.kind if info.target else run.scenario.target.kind,
        target_url=info.target.url if info.target else run.scenario.target.url,
        target_version=info.target.version if info.target else None,
        dialect=info.target.dialect if info.target else None,
        pools=info.target.pools if info.target else {},
        simulated=bool(info.target and info.target.simulated),
        virtual=bool(info.target and info.target.virtual),
        simulation=simulation if isinstance(simulation, dict) else {},
        live_workers=info.target.live_workers if info.target else {},
        asked_rate_per_s=arrivals.rate_per_s
        if isinstance(arrivals, ConstantArrivals | PoissonArrivals)
        else None,
        schedule=info.schedule,
        processes=info.processes,
        warnings=(
            *info.warnings,
            *service.doubts(),
            *late_loading(run),
            *estimated_tokens(run),
        ),
    )

"""One calibration step: what the generator measured, held against what the null server's kernel saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from bench.analyze.load import held_load
from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.analyze.summary import Summary, summarise
from bench.analyze.truth import Truth, read_truth
from bench.analyze.verdict import own_faults
from bench.analyze.window import window_of
from bench.metrics import Floats, quantile
from bench.record import Outcome, Step, TimingError, Who

LIMIT_MS = 0.5
"""What the p99 of every timing error must stay below, and the median of the server's lateness."""

DISTURBED_SHARE = 0.10
"""From this share of all cores' time on, others are said to have disturbed a step."""

MS = 1e6
ENDS: tuple[Literal["first", "last"], ...] = ("first", "last")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a step set out to do, and what is known of it from outside its run folder.

    `event_us`: CPU of the engine for an event, from a step without small requests; None where unknown.
    """

    streams: int
    small_requests_per_s: float
    foreign_share: float
    event_us: float | None = None


def judge_step(run: Run, truth_file: Path, asked: Asked) -> Step:
    """All numbers of a step, and who gave out. Raises AnalysisError for a log that is none."""
    start_ns = run.info.clock.monotonic_ns if run.info.clock else 0
    truth, summary = read_truth(truth_file, start_ns), summarise(run)
    errors = timing_errors(run, truth)
    late_ms = _server_late_ms(run, truth)
    late_p50_ms = _level(late_ms, 0.5)
    ours, theirs = _our_faults(errors, summary), _server_faults(late_p50_ms)
    facts = summary.generator
    return Step(
        asked_streams=asked.streams,
        asked_small_requests_per_s=asked.small_requests_per_s,
        held=held_load(run),
        **errors,
        send_lag_p99_ms=None if facts.send_lag_p99_s is None else facts.send_lag_p99_s * 1e3,
        merged_share=facts.merged_share,
        engine_core_share=facts.engine_core_share,
        **_costs(run, asked),
        server_late_p50_ms=late_p50_ms,
        server_late_p99_ms=_level(late_ms, 0.99),
        foreign_share=asked.foreign_share,
        gave_out=_who(bool(ours), bool(theirs)),
        reasons=(*ours, *theirs),
    )


def disturbed(step: Step) -> bool:
    """Whether other programs may be why it failed."""
    return step.foreign_share > DISTURBED_SHARE


def errors_hold(step: Step) -> bool:
    """Whether what was measured was right, however late it may have been sent; no measurement is no proof."""
    errors = [step.ttft.p99_ms, step.gap.p99_ms, step.tpot.p99_ms]
    errors += [step.e2e.p99_ms] if step.asked_small_requests_per_s else []
    return all(p99_ms is not None and p99_ms < LIMIT_MS for p99_ms in errors)


def _who(ours: bool, theirs: bool) -> Who | None:
    if ours and theirs:
        return "both"
    return "generator" if ours else "server" if theirs else None


def _our_faults(errors: Mapping[str, TimingError], summary: Summary) -> list[str]:
    wide = [
        f"{name} error p99 {error.p99_ms:.2f} ms is not below {LIMIT_MS:g} ms"
        for name, error in errors.items()
        if error.p99_ms is not None and error.p99_ms >= LIMIT_MS
    ]
    tally = summary.overall.run
    lost = tally.scheduled - tally.outcomes[Outcome.OK]
    failed = [f"{lost} of {tally.scheduled} requests did not end well"] if lost else []
    return [*wide, *failed, *own_faults(summary.generator, summary.overall.latencies)]


def _server_faults(late_p50_ms: float | None) -> list[str]:
    if late_p50_ms is None:
        return ["the server's log holds no event of the measured span"]
    if late_p50_ms <= LIMIT_MS:
        return []
    return [f"half of the server's events left more than {late_p50_ms:.2f} ms after their instant"]


def timing_errors(run: Run, truth: Truth) -> dict[str, TimingError]:
    """|measured - true| of ttft (from the send), gap, tpot, and e2e of whole replies, inside the window."""
    rows = _measured_rows(run)
    events = _joined_events(run, truth, rows)
    # How late our stamp is against theirs, on the way there and back; their difference is the error.
    way_ns = pd.Series(floats(rows["sent_ns"] - truth.arrived_ns.reindex(rows.index)), index=rows.index)
    first, last = (events.drop_duplicates("index", keep=end).set_index("index") for end in ENDS)
    gaps = last["sequence"] - first["sequence"]
    whole = rows[~rows["stream"].astype(bool)]
    back_ns = pd.Series(floats(whole["end_ns"] - truth.answered_ns.reindex(whole.index)), index=whole.index)
    return {
        "ttft": _error(first["lag_ns"] - way_ns.reindex(first.index)),
        "gap": _error(events.groupby("index", sort=False)["lag_ns"].diff()),
        "tpot": _error((last["lag_ns"] - first["lag_ns"]) / gaps.where(gaps > 0)),
        "e2e": _error(back_ns - way_ns.reindex(whole.index)),
    }


def _measured_rows(run: Run) -> pd.DataFrame:
    """Answered requests that were due in the window, by index."""
    window = window_of(run)
    due_ns = floats(run.requests["scheduled_ns"])
    inside = (due_ns >= window.start_ns) & (due_ns < window.end_ns)
    return run.requests[inside & (run.requests["outcome"] == Outcome.OK).to_numpy()].set_index("index")


def _joined_events(run: Run, truth: Truth, rows: pd.DataFrame) -> pd.DataFrame:
    """`index`, `sequence` and `lag_ns`: when we say an event came, less when it left."""
    measured = pd.concat([pd.DataFrame(_NO_EVENTS), *map(_event_rows, run.events())])
    measured = measured[measured["index"].isin(rows.index)]
    joined = measured.merge(truth.events, on=["index", "sequence"]).sort_values(["index", "sequence"])
    joined["lag_ns"] = joined["event_ns"] - floats(joined["departed_ns"])
    return joined


_NO_EVENTS = {name: np.empty(0, np.int64) for name in ("index", "sequence", "event_ns")}


def _event_rows(table: Any) -> pd.DataFrame:
    nested = table["event_ns"].combine_chunks()
    row = pc.list_parent_indices(nested).to_numpy()
    starts = np.searchsorted(row, np.arange(len(table)))
    return pd.DataFrame(
        {
            "index": table["index"].to_numpy()[row],
            "sequence": np.arange(row.size) - starts[row],
            "event_ns": pc.list_flatten(nested).to_numpy(),
        }
    )


def _server_late_ms(run: Run, truth: Truth) -> Floats:
    events = truth.events[truth.events["index"].isin(_measured_rows(run).index)]
    return floats(events["departed_ns"] - events["due_ns"]) / MS


def _error(differences_ns: Any) -> TimingError:
    values = np.abs(np.asarray(differences_ns, dtype=np.float64)) / MS
    values = values[~np.isnan(values)]
    return TimingError(n=values.size, p50_ms=_level(values, 0.5), p99_ms=_level(values, 0.99))


def _level(values: Floats, q: float) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(quantile(known, q)), 6) if known.size else None


def _costs(run: Run, asked: Asked) -> dict[str, float | None]:
    """CPU of the engine in microseconds: for an event with its share of its request, for a small request."""
    cpu_s = _busy_s(run)
    events = int(run.requests["events"].sum())
    small = int((~run.requests["stream"].astype(bool)).sum())
    if cpu_s is None or not (events or small):
        return {"engine_us_per_event": None, "engine_us_per_small_request": None}
    if not small:
        return {"engine_us_per_event": cpu_s * 1e6 / events, "engine_us_per_small_request": None}
    rest_us = None if asked.event_us is None else cpu_s * 1e6 - asked.event_us * events
    each = None if rest_us is None else max(0.0, rest_us / small)
    return {"engine_us_per_event": None, "engine_us_per_small_request": each}


def _busy_s(run: Run) -> float | None:
    """CPU of the engine, less what it spent on waiting for the next instant."""
    told = run.info.generator
    awake_s = told.get("engine_cpu_s")
    return None if awake_s is None else awake_s - told.get("engine_spun_s", 0.0)

"""A run folder -> what a fit needs of it: who asked for what when, and how long it took."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.metrics import NS_PER_S, REQUEST_METRICS, Floats
from bench.record import Outcome, RunFolder
from bench.sim.model import Catalog, Job
from bench.virtual.fit.asked import jobs
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.rows import Rows, read_rows
from bench.virtual.fit.served import Served, served

MOST_REQUESTS = 1_000
"""Answered requests of a run that are replayed: its first ones."""
METRICS = ("ttft_sent", "tpot", "e2e_sent")
"""Streams are held to the first two, other replies to the last."""

_ANSWERED = (Outcome.OK.value, Outcome.DEGRADED.value)
_COSTLESS = (Outcome.REFUSED.value, Outcome.NOT_SENT.value)
_MOST_LOST_SHARE = 0.05
_LONG_TOKENS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """One run on one machine profile: its answered requests as jobs of the model, in order of time.

    The arrays have an element a job.  Seconds count from the instant really sent and are NaN where the
    request is not held to that metric.
    """

    name: str
    profile: str
    workers: Mapping[str, int]
    """By bundle."""
    at_ns: tuple[int, ...]
    jobs: tuple[Job, ...]
    seconds: Mapping[str, Floats]
    """By metric."""
    occupancy: Floats
    """Mean number of answers under way on a worker while this one was, itself included."""
    rate_per_s: float
    tokens_an_event: float = np.nan
    """Of longer streams."""
    notes: tuple[str, ...] = ()


def observe(folder: RunFolder, catalog: Catalog, profile: str | None = None, workers: int = 0) -> Observed:
    """What a run says of one machine profile.

    Raises FolderError for no run folder, FitError for a run that cannot be fitted.
    """
    info = folder.info()
    rows = read_rows(folder)
    tried = rows.at(~np.isin(rows.words["outcome"], _COSTLESS))
    if not len(tried):
        raise FitError(f"{folder.path}: not one of its {len(rows)} requests was served")
    who = served(folder, info, tried, catalog, profile, workers)
    answered = _answered(folder, tried.at(who.mine), who)
    warmup_ns = float(info.scenario.get("warmup_s") or 0.0) * NS_PER_S
    return _observed(folder, answered, who, catalog, warmup_ns)


def _answered(folder: RunFolder, mine: Rows, who: Served) -> Rows:
    """The answered requests by instant. Raises FitError where too many cost the machine who knows what."""
    answered = mine.at(np.isin(mine.words["outcome"], _ANSWERED))
    lost = len(mine) - len(answered)
    if lost > _MOST_LOST_SHARE * len(mine):
        raise FitError(
            f"{folder.path}: {lost} of {len(mine)} requests to {who.profile} did not end well, and what they "
            f"cost the machine is unknown; a fit bears {_MOST_LOST_SHARE:.0%}: run it at a lower rate"
        )
    if len(pools := sorted(set(answered.words["pool"]))) > 1:
        raise FitError(
            f"{folder.path} used the pools {', '.join(map(repr, pools))}; a fit needs a run of one"
        )
    return answered.at(np.lexsort((answered.numbers["index"], answered.numbers["sent_ns"])))


def _observed(folder: RunFolder, rows: Rows, who: Served, catalog: Catalog, warmup_ns: float) -> Observed:
    """Who was still on the way when the first request came that is not replayed is held to nothing."""
    cut_ns = rows.numbers["sent_ns"][MOST_REQUESTS] if len(rows) > MOST_REQUESTS else np.inf
    rows = rows.at(slice(MOST_REQUESTS))
    columns = rows.numbers
    counts = (columns["scheduled_ns"] >= warmup_ns) & (columns["end_ns"] <= cut_ns)
    streams = columns["stream"] > 0
    seconds = {
        name: np.where(counts & (streams != (name == "e2e_sent")), REQUEST_METRICS[name].of(columns), np.nan)
        for name in METRICS
    }
    sent_ns = columns["sent_ns"]
    span_s = (sent_ns[-1] - sent_ns[0]) / NS_PER_S
    long = streams & (columns["out_tokens"] >= _LONG_TOKENS) & (columns["events"] > 0)
    estimates = int(np.sum(rows.words["tokens_source"] == "estimate"))
    return Observed(
        name=str(folder.path),
        profile=who.profile,
        workers=who.workers,
        at_ns=tuple(sent_ns.astype(np.int64).tolist()),
        jobs=tuple(jobs(folder, rows, who, catalog)),
        seconds=seconds,
        occupancy=_occupancy(sent_ns, columns["end_ns"]) / max(who.workers.values()),
        rate_per_s=float((len(rows) - 1) / span_s) if span_s > 0 else 0.0,
        tokens_an_event=float(np.median((columns["out_tokens"] / columns["events"])[long]))
        if long.any()
        else np.nan,
        notes=(f"{folder.path}: {estimates} token counts are estimates",) if estimates else (),
    )


def _occupancy(begin_ns: Floats, end_ns: Floats) -> Floats:
    """Mean number of intervals that are open while each one is: an integral by its corners."""
    corners_ns = np.concatenate([begin_ns, end_ns])
    order = np.argsort(corners_ns, kind="stable")
    open_now = np.cumsum(np.where(order < len(begin_ns), 1, -1))
    sorted_ns = corners_ns[order]
    area = np.concatenate([[0.0], np.cumsum(open_now[:-1] * np.diff(sorted_ns))])
    lived_ns = np.maximum(end_ns - begin_ns, 1.0)
    occupancy: Floats = (np.interp(end_ns, sorted_ns, area) - np.interp(begin_ns, sorted_ns, area)) / lived_ns
    return occupancy

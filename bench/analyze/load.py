"""How much a run demanded of the generator, second by second."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.analyze.window import window_of
from bench.metrics import NS_PER_S, Floats
from bench.record import Load


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """An element for each second from the run's start: most streams at once, stream events, requests sent."""

    streams: Floats
    events: Floats
    requests: Floats

    def peak(self) -> Load:
        """The most of each in any second."""
        return self._load(np.max)

    def typical(self, start_s: float, end_s: float) -> Load:
        """The medians over the seconds that lie wholly inside a span, or over all where none does."""
        inside = slice(int(np.ceil(start_s)), int(end_s))
        if inside.start >= min(inside.stop, len(self.streams)):
            inside = slice(None)
        return Demand(self.streams[inside], self.events[inside], self.requests[inside])._load(np.median)

    def _load(self, pick: Callable[[Floats], Any]) -> Load:
        return Load(
            streams=int(pick(self.streams)),
            events_per_s=float(pick(self.events)),
            requests_per_s=float(pick(self.requests)),
        )


def demand(run: Run) -> Demand:
    """What each second of a run had; one second of nothing where nothing was sent."""
    sent_ns, end_ns = floats(run.requests["first_sent_ns"]), floats(run.requests["end_ns"])
    last_ns = max(np.nanmax(sent_ns, initial=0.0), np.nanmax(end_ns, initial=0.0))
    seconds = int(last_ns // NS_PER_S) + 1
    streams = run.requests["stream"].to_numpy(dtype=bool) & ~np.isnan(sent_ns)
    # What never ended was on its way until the end.
    until_ns = np.where(np.isnan(end_ns), last_ns, end_ns)
    return Demand(
        streams=_most_at_once(sent_ns[streams], until_ns[streams], seconds),
        events=_events(run, seconds),
        requests=_count(sent_ns[~np.isnan(sent_ns)], seconds),
    )


def held_load(run: Run) -> Load:
    """What the run demanded in a typical second of its window."""
    window = window_of(run)
    return demand(run).typical(window.start_s, window.end_s)


def _count(instants_ns: Floats, seconds: int) -> Floats:
    bins = np.clip(instants_ns // NS_PER_S, 0, seconds - 1).astype(np.int64)
    return np.bincount(bins, minlength=seconds).astype(np.float64)


def _events(run: Run, seconds: int) -> Floats:
    counts = np.zeros(seconds)
    for table in run.events():
        flat = pc.list_flatten(table["event_ns"].combine_chunks())
        counts += _count(flat.to_numpy().astype(np.float64), seconds)
    return counts


def _most_at_once(sent_ns: Floats, end_ns: Floats, seconds: int) -> Floats:
    """Most intervals [sent, end) that overlap, in each second."""
    begun, ended = np.sort(sent_ns, kind="stable"), np.sort(end_ns, kind="stable")
    edges_ns = np.arange(seconds) * NS_PER_S
    most = (np.searchsorted(begun, edges_ns) - np.searchsorted(ended, edges_ns)).astype(np.float64)
    # The number only rises where one begins; at equal instants an end counts before that.
    open_now = np.arange(1, begun.size + 1) - np.searchsorted(ended, begun, side="right")
    np.maximum.at(most, np.minimum(begun // NS_PER_S, seconds - 1).astype(np.int64), open_now)
    return most

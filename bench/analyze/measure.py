"""Facts -> numbers a request: the run's frame with every derived column beside the recorded ones."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bench.analyze.run import Run
from bench.analyze.slo import judge
from bench.analyze.streams import longest_gap_ns, places
from bench.analyze.window import Window, window_of
from bench.metrics import NS_PER_S, REQUEST_METRICS, Floats
from bench.record import Outcome

ANSWERED = (Outcome.OK.value, Outcome.DEGRADED.value)
"""Outcomes that have a latency."""

ENDLESS = (Outcome.TIMED_OUT.value, Outcome.UNFINISHED.value)
"""Outcomes whose latency is only known to be larger than any that was seen."""

GENERATION = ("chat", "completion", "generate")


def is_any(words: "pd.Series[Any]", wanted: Collection[str]) -> npt.NDArray[np.bool_]:
    """Which words of a category are among the wanted; a missing one is not."""
    # Looked up by their codes, of which -1 (missing) is the last.
    among = np.array([*(str(word) in wanted for word in words.cat.categories), False])
    found: npt.NDArray[np.bool_] = among[words.cat.codes.to_numpy()]
    return found


def floats(column: pd.Series) -> Floats:
    """A column as float64; what was not reported is NaN."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def measured(run: Run) -> pd.DataFrame:
    """`run.requests`, its classes in the scenario's order, and beside it for each request:

    - `scheduled_s`, `sent_s`, `end_s`: instants in seconds from the run's start
    - `<metric>_s`: every metric of `bench.metrics.REQUEST_METRICS`, NaN where undefined
    - `in_window`, `ended_in_window`: the scheduled instant, the end, lies in the measurement window
    - `answered`, `endless`: ok or degraded; timed out or unfinished
    - `window_tokens`: output tokens that arrived in the window, NaN where not reported
    - `has_slo`, `good`, `missed_<metric>`: see `bench.analyze.slo.judge`
    """
    window = window_of(run)
    facts = run.requests
    window_tokens, gap_max_ns = _from_events(run, window)
    columns = _Columns(facts, gap_max_ns)
    derived: dict[str, npt.NDArray[np.bool_] | Floats] = {
        "scheduled_s": columns["scheduled_ns"] / NS_PER_S,
        "sent_s": columns["first_sent_ns"] / NS_PER_S,
        "end_s": columns["end_ns"] / NS_PER_S,
        **{f"{metric.name}_s": metric.of(columns) for metric in REQUEST_METRICS.values()},
        "in_window": _inside(columns["scheduled_ns"], window),
        "ended_in_window": _inside(columns["end_ns"], window),
        "answered": is_any(facts["outcome"], ANSWERED),
        "endless": is_any(facts["outcome"], ENDLESS),
        "window_tokens": window_tokens,
    }
    frame = pd.concat([facts, pd.DataFrame(derived, index=facts.index, copy=False)], axis=1)
    frame["traffic_class"] = frame["traffic_class"].cat.set_categories([c.name for c in run.scenario.classes])
    return pd.concat([frame, judge(frame, run.scenario)], axis=1)


class _Columns(Mapping[str, Floats]):
    """Recorded columns as floats, made when asked for; kept are only the two that most metrics need."""

    kept = ("scheduled_ns", "end_ns")

    def __init__(self, facts: pd.DataFrame, gap_max_ns: Floats) -> None:
        self._facts = facts
        self._known = {name: floats(facts[name]) for name in self.kept} | {"gap_max_ns": gap_max_ns}

    def __getitem__(self, name: str) -> Floats:
        return self._known[name] if name in self._known else floats(self._facts[name])

    def __iter__(self) -> Iterator[str]:
        return iter((*self._facts.columns, "gap_max_ns"))

    def __len__(self) -> int:
        return len(self._facts.columns) + 1


def _inside(instants_ns: Floats, window: Window) -> npt.NDArray[np.bool_]:
    return (instants_ns >= window.start_ns) & (instants_ns < window.end_ns)


def _from_events(run: Run, window: Window) -> tuple[Floats, Floats]:
    """Output tokens that arrived in the window, and the longest gap (ns) between events, a request.

    Events are not tokens: the request's tokens are spread over its events by their characters, evenly where
    no event has any. A request without events brings all its tokens at its end, and has no gap.
    """
    share = _inside(floats(run.requests["end_ns"]), window).astype(np.float64)
    gap_max_ns = np.full(len(share), np.nan)
    rows = run.requests["index"].to_numpy(dtype=np.int64)
    for table in run.events():
        index, inside = _shares_inside(table, window)
        at = places(rows, index)
        known = at >= 0
        share[at[known]] = inside[known]
        gap_max_ns[at[known]] = longest_gap_ns(table)[known]
    return share * floats(run.requests["out_tokens"]), gap_max_ns


def _shares_inside(table: pa.Table, window: Window) -> tuple[npt.NDArray[np.int64], Floats]:
    """For each row of events: its request, and the share of its characters that arrived in the window."""
    event_ns = table["event_ns"].combine_chunks()
    row = pc.list_parent_indices(event_ns).to_numpy()
    arrived_ns = pc.list_flatten(event_ns).to_numpy()
    chars = pc.list_flatten(table["event_chars"].combine_chunks()).to_numpy().astype(np.float64)
    n = len(table)
    silent = np.bincount(row, weights=chars, minlength=n) == 0
    weights = np.where(silent[row], 1.0, chars)
    inside = weights * _inside(arrived_ns.astype(np.float64), window)
    total = np.bincount(row, weights=weights, minlength=n)
    share = np.bincount(row, weights=inside, minlength=n) / np.maximum(total, 1.0)
    return table["index"].to_numpy(), share

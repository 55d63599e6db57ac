"""What the figures of a run show: counts over time, points, distributions. Frames in, frames out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analyze.run import Run
from bench.analyze.served import told
from bench.metrics import NS_PER_S, Floats, quantile, resolved
from bench.record import Outcome

MAX_BINS = 600


def bin_width_s(requests: pd.DataFrame) -> float:
    """One second, or more where a run is so long that a figure could not show each second."""
    end_s = requests[["scheduled_s", "end_s"]].max().max() if len(requests) else 0.0
    return float(max(1, np.ceil(end_s / MAX_BINS))) if end_s > 0 else 1.0


def rates_over_time(requests: pd.DataFrame, width_s: float) -> pd.DataFrame:
    """Requests per second scheduled, first sent, and answered, by the instant of each; index in seconds.

    The last bin is empty: it closes the one before it.
    """
    answered = requests.loc[requests["answered"].astype(bool), "end_s"]
    counts = {
        "scheduled": _counts(requests["scheduled_s"], width_s),
        "sent": _counts(requests["sent_s"], width_s),
        "completed": _counts(answered, width_s),
    }
    return _closed(pd.DataFrame(counts), width_s)


def outcomes_over_time(requests: pd.DataFrame, width_s: float) -> pd.DataFrame:
    """Requests per second by outcome, at the scheduled instant, so that a bin holds all that was due.

    The last bin is empty: it closes the one before it.
    """
    counts = {
        outcome.value: _counts(requests.loc[requests["outcome"] == outcome.value, "scheduled_s"], width_s)
        for outcome in Outcome
    }
    return _closed(pd.DataFrame(counts), width_s)


def _closed(counts: pd.DataFrame, width_s: float) -> pd.DataFrame:
    if counts.empty:
        return counts
    bins = np.arange(len(counts) + 1) * width_s
    return counts.reindex(bins).fillna(0.0) / width_s


def _counts(instants_s: "pd.Series[float]", width_s: float) -> "pd.Series[float]":
    known = instants_s.dropna().to_numpy(dtype=np.float64)
    counts = np.bincount(np.floor(np.maximum(known, 0.0) / width_s).astype(np.int64))
    return pd.Series(counts.astype(np.float64), index=np.arange(counts.size) * width_s)


def latency_points(requests: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row for each answered request that has the metric: `scheduled_s`, `value_s`, class and profile."""
    value = f"{metric}_s"
    known = requests[requests["answered"].astype(bool) & requests[value].notna()]
    columns = ["scheduled_s", value, "traffic_class", "profile", "outcome"]
    return known[columns].rename(columns={value: "value_s"})


def ecdf(values: Floats, larger: int = 0) -> pd.DataFrame:
    """`value_s` and the `share` of requests at or below it; ends below 1 where `larger` never ended."""
    known = np.sort(values[~np.isnan(values)])
    share = np.arange(1, known.size + 1) / max(1, known.size + larger)
    return pd.DataFrame({"value_s": known, "share": share})


def ecdfs(requests: pd.DataFrame, metric: str) -> Mapping[tuple[str, str | None], pd.DataFrame]:
    """The distribution of a metric in the window for each class and profile that has any value."""
    inside = requests[requests["in_window"].astype(bool)]
    able = (
        inside["stream"].astype(bool) if metric in {"ttft", "tpot"} else pd.Series(True, index=inside.index)
    )
    curves = {}
    for (name, profile), rows in inside[able].groupby(
        ["traffic_class", "profile"], observed=True, dropna=False
    ):
        values = rows.loc[rows["answered"], f"{metric}_s"].to_numpy()
        curve = ecdf(values, int(rows["endless"].sum()))
        if len(curve):
            curves[(str(name), profile if isinstance(profile, str) else None)] = curve
    return curves


@dataclass(frozen=True, slots=True)
class Drift:
    """The median (s) of one class and profile in the first and in the second half of the window."""

    traffic_class: str
    profile: str | None
    early_s: float
    late_s: float


def drift(requests: pd.DataFrame, metric: str) -> Drift | None:
    """The class and profile whose median moved most, by its ratio, between the halves of the window.

    Lanes are kept apart, for the median of a mixture moves with the mixture. Half a lane needs 20 values,
    so that its median is resolved; None where no lane has them.
    """
    value = f"{metric}_s"
    inside = requests[requests["in_window"].astype(bool) & requests["answered"].astype(bool)]
    inside = inside[inside[value] > 0]
    middle_s = (inside["scheduled_s"].min() + inside["scheduled_s"].max()) / 2
    found = []
    for (name, profile), rows in inside.groupby(["traffic_class", "profile"], observed=True, dropna=False):
        early = (rows["scheduled_s"] <= middle_s).to_numpy()
        values = rows[value].to_numpy()
        if resolved(min(early.sum(), (~early).sum()), 0.5):
            lane = profile if isinstance(profile, str) else None
            found.append(Drift(str(name), lane, quantile(values[early], 0.5), quantile(values[~early], 0.5)))
    return max(found, key=lambda lane: abs(np.log(lane.late_s / lane.early_s)), default=None)


def workers_over_time(run: Run) -> pd.DataFrame:
    """Live workers per machine profile as the gateway told them; index in seconds, maybe empty."""
    # A line with `error` is a gateway that did not answer, not one without workers.
    lines = told(run)
    instants = pd.Index([line["t_ns"] / NS_PER_S for line in lines], name="t_s")
    frame = pd.DataFrame([line["live"] for line in lines], index=instants)
    return frame.fillna(0).sort_index()

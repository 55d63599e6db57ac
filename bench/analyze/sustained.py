"""Did a run keep its SLOs, as one number that a search for the highest rate can follow?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analyze.slo import judge
from bench.analyze.summary import Summary
from bench.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Kept:
    """What came closest to its limit, or furthest beyond it: `what`, of `offered` requests.

    `attainment` is its share of good requests, carried over to the `target` of the strictest class: a class
    that misses twice as much as it may counts as one of that target that does.
    """

    attainment: float
    offered: int
    what: str


def strictest(scenario: Scenario) -> float | None:
    """The highest attainment that any class asks for; None where none has an SLO."""
    return max((c.slo.attainment for c in scenario.classes if c.slo is not None), default=None)


def kept(summary: Summary, scenario: Scenario, target: float) -> Kept | None:
    """The worst of the classes' SLOs and of `max_error_rate`; None where nothing was offered."""
    return min(_all(summary, scenario, target), key=lambda one: one.attainment, default=None)


def kept_under(frame: pd.DataFrame, scenario: Scenario, target: float) -> float | None:
    """The attainment of `kept` for a frame of `measured`, under other limits than it was run with."""
    inside = frame["in_window"].to_numpy()
    good = judge(frame, scenario)["good"].to_numpy() & inside
    found = []
    for traffic in scenario.classes:
        mine = inside & (frame["traffic_class"] == traffic.name).to_numpy()
        if traffic.slo is not None and mine.any():
            missed = 1 - np.count_nonzero(good & mine) / np.count_nonzero(mine)
            found.append(1 - _carried(missed, 1 - traffic.slo.attainment, target))
    if inside.any():
        errors = 1 - float(frame["answered"].to_numpy()[inside].mean())
        found.append(1 - _carried(errors, scenario.max_error_rate, target))
    return min(found, default=None)


def replicas(summary: Summary, scenario: Scenario, profile: str) -> int:
    """Live workers of a profile that serve the scenario: the sum over its models, at most all that live.

    A worker that serves two of the models counts twice, so that a rate per replica is never told too high.
    """
    serving: dict[str, float] = {}
    for part in summary.lanes:
        if part.profile == profile and part.traffic_class is not None and part.per_worker is not None:
            serving[scenario.traffic(part.traffic_class).model] = part.per_worker.live
    live = summary.run.live_workers.get(profile)
    served = round(sum(serving.values()))
    return max(1, served if live is None else min(live, served) if serving else live)


def _all(summary: Summary, scenario: Scenario, target: float) -> Iterator[Kept]:
    parts = {part.traffic_class: part for part in summary.classes}
    for traffic in scenario.classes:
        slo = parts[traffic.name].slo if traffic.slo is not None else None
        if traffic.slo is not None and slo is not None and slo.attainment is not None:
            missed = _carried(1 - slo.attainment, 1 - traffic.slo.attainment, target)
            yield Kept(1 - missed, slo.offered, f"{traffic.name} {slo.attainment:.2%}")
    rate = summary.overall.error_rate
    if rate is not None:
        missed = _carried(rate, scenario.max_error_rate, target)
        yield Kept(1 - missed, summary.overall.window.scheduled, f"errors {rate:.2%}")


def _carried(missed: float, allowed: float, target: float) -> float:
    """The same multiple of what is allowed, of what the target allows; 1 at most."""
    if missed == 0:
        return 0.0
    return min(1.0, missed / allowed * (1 - target)) if allowed else 1.0

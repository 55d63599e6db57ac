"""What a schedule would send, without sending it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.workload.arrivals import NS_PER_S
from bench.workload.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Line:
    """One class on one profile: requests and tokens over the whole run."""

    traffic_class: str
    operation: str
    model: str
    profile: str
    requests: int
    in_tokens: int
    out_tokens: int | None
    items: int | None


def lines(schedule: Schedule) -> list[Line]:
    """A line for each class and profile, in the scenario's order."""
    table = schedule.table().select(_COLUMNS).to_pandas()
    table["profile"] = table["profile"].astype(object).fillna("any")
    grouped = table.groupby(["traffic_class", "operation", "model", "profile"], sort=False)
    found = [
        Line(
            traffic_class=str(name),
            operation=str(operation),
            model=str(model),
            profile=str(profile),
            requests=len(group),
            in_tokens=int(group["asked_in_tokens"].sum()),
            out_tokens=None
            if group["asked_out_tokens"].isna().all()
            else int(group["asked_out_tokens"].sum()),
            items=None if group["items_asked"].isna().all() else int(group["items_asked"].sum()),
        )
        for (name, operation, model, profile), group in grouped
    ]
    order = [traffic.name for traffic in schedule.scenario.classes]
    return sorted(found, key=lambda line: (order.index(line.traffic_class), line.profile))


_COLUMNS = [
    "traffic_class",
    "operation",
    "model",
    "profile",
    "asked_in_tokens",
    "asked_out_tokens",
    "items_asked",
]


def busiest_second(schedule: Schedule) -> int:
    """Most arrivals in any one-second bin; 0 for a closed loop, whose instants are not known ahead."""
    if schedule.due_ns is None or not len(schedule):
        return 0
    return max(Counter((schedule.due_ns // NS_PER_S).tolist()).values())


def peak_in_flight(schedule: Schedule, first_s: float, per_token_s: float) -> int:
    """Most requests in flight at once, if each took `first_s` and `per_token_s` for each output token."""
    if schedule.due_ns is None or not len(schedule):
        return schedule.scenario.closed_loop.users if schedule.scenario.closed_loop else 0
    lasting: npt.NDArray[np.int64] = ((first_s + per_token_s * (schedule.out_tokens - 1)) * NS_PER_S).astype(
        np.int64
    )
    instants = np.concatenate([schedule.due_ns, schedule.due_ns + lasting])
    steps = np.repeat([1, -1], len(schedule))
    # At equal instants an end counts before a start.
    order = np.lexsort((steps, instants))
    return int(np.cumsum(steps[order]).max())

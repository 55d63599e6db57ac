"""How long a warm lane under load waited for one worker more: somewhere between two looks at /health."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analyze.cold import Lane, Newcomer, having, newcomer, stage
from bench.analyze.measure import floats
from bench.analyze.provisioning import LANE, Provisioning, lane_of
from bench.analyze.run import Run
from bench.analyze.served import told
from bench.metrics import NS_PER_S

Look = Mapping[str, Any]


def scale_outs(run: Run, workers: int) -> tuple[Provisioning, ...]:
    """The start of a further worker in each lane that was sent to, and had so many `workers` before.

    Demand is the instant at which the first request of the lane was handed over. The delay lies between the
    last look that did not tell of a further worker with the model and the first that did; `still_cold`: none
    did until the run's end. `refusals` are the requests that were refused until then, for whatever reason.
    """
    sent = run.requests[run.requests["first_sent_ns"].notna()]
    looks = [line for line in told(run) if "joined" in line]
    groups = sent.groupby(LANE, observed=True, dropna=False)
    return tuple(_start(run, looks, lane_of(words), mine, workers) for words, mine in groups)


def _start(run: Run, looks: Sequence[Look], lane: Lane, requests: pd.DataFrame, workers: int) -> Provisioning:
    sent_ns = floats(requests["first_sent_ns"])
    demand_ns = float(sent_ns.min())
    base = _before(looks, demand_ns)
    came = newcomer(run, lane, base["told_ns"]) if base else None
    loaded = stage(came.loaded, demand_ns) if came else None
    until_ns = came.loaded.high_ns if came else float("inf")
    return Provisioning(
        pool=lane.pool,
        model=lane.model,
        profile=lane.profile,
        demand_s=demand_ns / NS_PER_S,
        refusals=int(((requests["outcome"] == "refused").to_numpy() & (sent_ns <= until_ns)).sum()),
        delay_low_s=loaded.low_s if loaded else _waited_s(looks, demand_ns),
        delay_high_s=loaded.high_s if loaded else None,
        still_cold=loaded is None,
        registered=stage(came.registered, demand_ns) if came else None,
        loaded=loaded,
        doubt=next(_doubts(looks, base, lane, came, workers), None),
    )


def _before(looks: Sequence[Look], demand_ns: float) -> Look | None:
    """The last look that was answered before the demand, or the first of all."""
    before = [line for line in looks if line["told_ns"] <= demand_ns]
    first = looks[0] if looks else None
    return before[-1] if before else first


def _waited_s(looks: Sequence[Look], demand_ns: float) -> float:
    """From the demand until the last look was asked for."""
    return max(0.0, looks[-1]["t_ns"] - demand_ns) / NS_PER_S if looks else 0.0


def _doubts(
    looks: Sequence[Look], base: Look | None, lane: Lane, came: Newcomer | None, workers: int
) -> Iterator[str]:
    """Why this was no scale-out of a lane that had so many workers."""
    if base is None:
        yield "the gateway named no workers"
        return
    count = having(base, lane)
    if not count:
        yield f"no worker had {lane.model} when the load began: that is a start from cold (--from 0)"
    if count != workers:
        yield f"{count} workers had {lane.model} when the load began, not {workers}"
    if came and came.registered.high_ns <= base["told_ns"]:
        yield "the further worker had registered before the load began"
    yield from _losses(looks, base, lane, came, workers)


def _losses(
    looks: Sequence[Look], base: Look, lane: Lane, came: Newcomer | None, workers: int
) -> Iterator[str]:
    """Looks, until the further worker came, that show fewer than there must be: it may be no further one."""
    until_ns = came.loaded.high_ns if came else float("inf")
    for line in looks:
        if base["told_ns"] < line["told_ns"] <= until_ns:
            least = workers + (line["told_ns"] == until_ns)
            if (count := having(line, lane)) < least:
                at_s = line["told_ns"] / NS_PER_S
                yield (
                    f"a worker was lost: {count} had {lane.model} {at_s:.1f} s from the run's start, where "
                    f"{least} should, so one that came may only have taken its place"
                )

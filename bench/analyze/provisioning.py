"""How long cold lanes took to start: somewhere between the last refusal and the first success."""

from collections.abc import Iterator

import pandas as pd

from bench.analyze.cold import Lane, Stage, progress, stranger, warm_before
from bench.analyze.loading import LATE_S
from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.analyze.window import Value
from bench.metrics import NS_PER_S

LANE = ["pool", "model", "profile"]


class Provisioning(Value):
    """One start of a lane, in seconds: from cold, as is told here, or a scale-out (`scale_outs`).

    Demand is the instant at which the first refused request was sent, `demand_s` from the run's start. The
    delay after it lies in (`delay_low_s`, `delay_high_s`]: the lane was not ready for the last refusal and
    worked by the first success. `still_cold`: no success until the run's end, so there is no upper end.
    `registered` and `loaded` are stages on the way, where the gateway told of them. `doubt` says why this is
    no evidence of a start from cold; None where it is.
    """

    pool: str | None
    model: str
    profile: str | None
    demand_s: float
    refusals: int
    delay_low_s: float
    delay_high_s: float | None
    still_cold: bool
    registered: Stage | None
    loaded: Stage | None
    doubt: str | None


def provisioning(run: Run) -> tuple[Provisioning, ...]:
    """The first cold start of each lane over the whole run (warm-up included), in the order of demand."""
    refusals = _refusals(run)
    if refusals.empty:
        return ()
    successes = _successes(run)
    found = [
        _start(run, lane_of(words), mine, successes.loc[_in_lane(successes, words)])
        for words, mine in refusals.groupby(LANE, observed=True, dropna=False)
        if mine["cold"].any()
    ]
    return tuple(sorted(found, key=lambda start: start.demand_s))


def _start(run: Run, lane: Lane, refusals: pd.DataFrame, successes: pd.DataFrame) -> Provisioning:
    demand_ns = float(refusals.loc[refusals["cold"], "sent_ns"].min())
    # Requests that were on their way before the first refusal say nothing about this cold start.
    first_ns = successes.loc[successes["sent_ns"] > demand_ns, "ready_ns"].min()
    ready_ns = None if pd.isna(first_ns) else float(first_ns)
    refused_ns = refusals.loc[refusals["sent_ns"] >= demand_ns, "sent_ns"]
    before_ns = refused_ns if ready_ns is None else refused_ns[refused_ns < ready_ns]
    stages = progress(run, lane, demand_ns)
    return Provisioning(
        pool=lane.pool,
        model=lane.model,
        profile=lane.profile,
        demand_s=demand_ns / NS_PER_S,
        refusals=len(before_ns),
        delay_low_s=(before_ns.max() - demand_ns) / NS_PER_S,
        delay_high_s=None if ready_ns is None else (ready_ns - demand_ns) / NS_PER_S,
        still_cold=ready_ns is None,
        registered=stages.registered,
        loaded=stages.loaded,
        doubt=next(_doubts(run, lane, demand_ns, ready_ns, successes), None),
    )


def _doubts(
    run: Run, lane: Lane, demand_ns: float, ready_ns: float | None, successes: pd.DataFrame
) -> Iterator[str]:
    """Why this was no start from cold."""
    early = int((successes["sent_ns"] <= demand_ns).sum())
    if early:
        yield f"{early} requests that were sent before its first refusal were answered: it was just warm"
    if warm := warm_before(run, lane, demand_ns):
        yield warm
    if ready_ns is not None and (who := stranger(run, lane, ready_ns)):
        yield who


def lane_of(words: tuple[object, ...]) -> Lane:
    """A group of requests by `LANE`."""
    pool, model, profile = (word if isinstance(word, str) else None for word in words)
    return Lane(pool, str(model), profile)


def _in_lane(frame: pd.DataFrame, words: tuple[object, ...]) -> "pd.Series[bool]":
    mine = pd.Series(True, index=frame.index)
    for name, word in zip(LANE, words, strict=True):
        mine &= frame[name] == word if isinstance(word, str) else frame[name].isna()
    return mine


def _refusals(run: Run) -> pd.DataFrame:
    """Every answer "not provisioned yet" (`cold`) or "loading": a request's last, and of the tries before.

    What took `LATE_S` to say loading was waiting for a result, and says nothing about a start.
    """
    requests = run.requests
    final = requests[
        (requests["outcome"] == "refused") & requests["reason"].isin(("provisioning", "loading"))
    ]
    late = final[LANE].assign(
        cold=final["reason"] == "provisioning",
        sent_ns=floats(final["handed_ns"]),
        end_ns=floats(final["end_ns"]),
    )
    both = pd.concat([late, _early(run)]).reset_index(names="row")
    # A last try that stands in the log as well counts once.
    known = both.dropna(subset=["sent_ns"]).drop_duplicates(["row", "sent_ns"])
    return known[known["cold"] | ~(known["end_ns"] - known["sent_ns"] >= LATE_S * NS_PER_S)]


def _early(run: Run) -> pd.DataFrame:
    """The refused tries of requests that were tried more than once."""
    tries = run.attempts()
    codes = tries["code"].fillna("").str.lower()
    cold = (tries["status"] == 202).fillna(False) | (codes == "provisioning")
    tries = tries.assign(cold=cold)[cold | codes.str.endswith("_loading")]
    return run.requests.iloc[tries["row"]][LANE].assign(
        cold=tries["cold"].to_numpy(dtype=bool),
        sent_ns=floats(tries["sent_ns"]),
        end_ns=floats(tries["end_ns"]),
    )


def _successes(run: Run) -> pd.DataFrame:
    """When each answered request's last try was sent, and when it first showed that work had begun."""
    answered = run.requests[run.requests["outcome"].isin(("ok", "degraded"))]
    ready_ns = answered["first_token_ns"].fillna(answered["end_ns"])
    return answered[LANE].assign(sent_ns=floats(answered["handed_ns"]), ready_ns=floats(ready_ns))

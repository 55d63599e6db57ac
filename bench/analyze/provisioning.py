"""How long cold lanes took to start: somewhere between the last refusal and the first success."""

import pandas as pd

from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.analyze.window import Value
from bench.metrics import NS_PER_S

LANE = ["pool", "model", "profile"]


class Provisioning(Value):
    """One cold start of a lane, in seconds.

    Demand is the instant at which the first refused request was sent, `demand_s` from the run's start. The
    delay after it lies in (`delay_low_s`, `delay_high_s`]: the lane was still cold for the last refusal and
    worked by the first success. `still_cold`: no success until the run's end, so there is no upper end.
    """

    pool: str | None
    model: str
    profile: str | None
    demand_s: float
    refusals: int
    delay_low_s: float
    delay_high_s: float | None
    still_cold: bool


def provisioning(run: Run) -> tuple[Provisioning, ...]:
    """The first cold start of each lane over the whole run (warm-up included), in the order of demand."""
    refusals = _refusals(run)
    if refusals.empty:
        return ()
    successes = _successes(run)
    found = [
        _interval(lane, sent_ns, successes.loc[_in_lane(successes, lane)])
        for lane, sent_ns in refusals.groupby(LANE, observed=True, dropna=False)["sent_ns"]
    ]
    return tuple(sorted(found, key=lambda start: start.demand_s))


def _interval(
    lane: tuple[object, ...], refused_ns: "pd.Series[float]", successes: pd.DataFrame
) -> Provisioning:
    pool, model, profile = (word if isinstance(word, str) else None for word in lane)
    demand_ns = refused_ns.min()
    # Requests that were on their way before the first refusal say nothing about this cold start.
    ready_ns = successes.loc[successes["sent_ns"] > demand_ns, "ready_ns"].min()
    still_cold = bool(pd.isna(ready_ns))
    before = refused_ns if still_cold else refused_ns[refused_ns < ready_ns]
    return Provisioning(
        pool=pool,
        model=str(model),
        profile=profile,
        demand_s=demand_ns / NS_PER_S,
        refusals=len(before),
        delay_low_s=(before.max() - demand_ns) / NS_PER_S,
        delay_high_s=None if still_cold else (ready_ns - demand_ns) / NS_PER_S,
        still_cold=still_cold,
    )


def _in_lane(frame: pd.DataFrame, lane: tuple[object, ...]) -> "pd.Series[bool]":
    mine = pd.Series(True, index=frame.index)
    for name, word in zip(LANE, lane, strict=True):
        mine &= frame[name] == word if isinstance(word, str) else frame[name].isna()
    return mine


def _refusals(run: Run) -> pd.DataFrame:
    """Every answer "not provisioned yet": a request's last one, and those of the tries before it."""
    requests = run.requests
    final = requests[(requests["outcome"] == "refused") & (requests["reason"] == "provisioning")]
    tries = run.attempts()
    cold = (tries["status"] == 202) | (tries["code"].str.lower() == "provisioning")
    tries = tries[cold.fillna(False)]
    early = requests.iloc[tries["row"]][LANE].assign(sent_ns=floats(tries["sent_ns"]))
    # A last try that stands in the log as well counts once.
    late = final[LANE].assign(sent_ns=floats(final["handed_ns"]))
    both = pd.concat([late, early]).reset_index(names="row")
    return both.dropna(subset=["sent_ns"]).drop_duplicates(["row", "sent_ns"])


def _successes(run: Run) -> pd.DataFrame:
    """When each answered request's last try was sent, and when it first showed that work had begun."""
    answered = run.requests[run.requests["outcome"].isin(("ok", "degraded"))]
    ready_ns = answered["first_token_ns"].fillna(answered["end_ns"])
    return answered[LANE].assign(sent_ns=floats(answered["handed_ns"]), ready_ns=floats(ready_ns))

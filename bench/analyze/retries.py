"""Requests that were tried again: the first answer and the service are different numbers."""

import numpy as np
import pandas as pd

from bench.analyze.latency import Level, level_of
from bench.analyze.measure import ANSWERED, floats
from bench.analyze.run import Run
from bench.analyze.window import Value
from bench.metrics import NS_PER_S, Floats


class Retries(Value):
    """Those tried more than once, over the whole run; seconds since each was due.

    `first_answer`: until the end of the first try, which was a refusal. `service`: until the end of the
    reply, over the `served` ones, with all waiting between tries in it.
    """

    requests: int
    tries: int
    served: int
    first_answer_p50: Level
    first_answer_p95: Level
    service_p50: Level
    service_p95: Level


def retries(run: Run) -> Retries | None:
    """None where every request was tried once."""
    tries = run.attempts()
    if tries.empty:
        return None
    first = tries.drop_duplicates("row")
    rows = run.requests.iloc[first["row"].to_numpy()]
    due_ns = floats(rows["scheduled_ns"])
    served = rows["outcome"].isin(ANSWERED).to_numpy()
    answer_s = _since(due_ns, first["end_ns"])
    service_s = _since(due_ns, rows["end_ns"])[served]
    return Retries(
        requests=len(first),
        tries=len(tries),
        served=int(np.count_nonzero(served)),
        first_answer_p50=level_of(answer_s, 0.50),
        first_answer_p95=level_of(answer_s, 0.95),
        service_p50=level_of(service_s, 0.50),
        service_p95=level_of(service_s, 0.95),
    )


def _since(due_ns: Floats, end_ns: "pd.Series[int]") -> Floats:
    return (floats(end_ns) - due_ns) / NS_PER_S

"""Refusals that say "loading" and mean "overloaded".

A 0.4 gateway that waited in vain for a result (30 s by default) answers 503 MODEL_LOADING. A worker whose
model is really loading says so at once.
"""

import numpy as np

from bench.analyze.measure import floats
from bench.analyze.run import Run
from bench.metrics import NS_PER_S

LATE_S = 5.0
"""A refusal that took longer was no worker's word."""


def late_loading(run: Run) -> tuple[str, ...]:
    """A sentence where refusals as loading came so late that they were time-outs; empty otherwise."""
    refused = run.requests[(run.requests["outcome"] == "refused") & (run.requests["reason"] == "loading")]
    waited_s = (floats(refused["end_ns"]) - floats(refused["handed_ns"])) / NS_PER_S
    late_s = waited_s[waited_s >= LATE_S]
    if not late_s.size:
        return ()
    sentence = (
        f"{late_s.size} requests were refused as loading, but only after {np.median(late_s):.1f} s (median): "
        "a 0.4 gateway says so when no result came in time, which mostly means overload"
    )
    return (sentence,)

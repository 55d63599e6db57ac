"""Beside the comparison: absolute limits on the candidate, and whether the order of the runs matters."""

import math
from collections.abc import Sequence

import numpy as np

from bench.analyze.gate.judge import bound_of, differences_of, floor_of
from bench.analyze.gate.paired import paired
from bench.analyze.gate.policy import Clause, Policy
from bench.analyze.gate.refusals import Pair
from bench.analyze.gate.report import ClauseVerdict
from bench.analyze.gate.table import RunRow

ORDER_ALPHA = 0.01


def judge_clause(clause: Clause, candidates: Sequence[RunRow], alpha: float) -> ClauseVerdict:
    """A t over the runs of the share of requests that keep the limit, against the share that must."""
    shares = [row.within.get(clause.name) for row in candidates]
    known = np.array([share for share in shares if share is not None], dtype=np.float64)
    if known.size < len(shares) or known.size < 2:
        missing = len(shares) - known.size
        return ClauseVerdict(
            name=clause.name,
            verdict="OPEN",
            sentence=f"{clause.name}: {missing} of {len(shares)} runs could not show it: open",
            target=clause.target,
        )
    step = 1 / max(1, min(row.requests for row in candidates)) / math.sqrt(12)
    found = paired(known, alpha, step)
    word = "REFUTED" if found.high < clause.target else "KEPT" if found.low >= clause.target else "OPEN"
    return ClauseVerdict(
        name=clause.name,
        verdict=word,
        sentence=f"{clause.name}: kept by {found.mean:.2%} of the candidate's requests, {1 - 2 * alpha:.0%} "
        f"interval {found.low:.2%} to {min(1.0, found.high):.2%}, {clause.target:.2%} must: {word.lower()}",
        target=clause.target,
        share=found.mean,
        low=found.low,
        high=min(1.0, found.high),
    )


def order_effect(policy: Policy, pairs: Sequence[Pair]) -> list[str]:
    """V15: does whoever runs second gain? At 1 % over all gating metrics together."""
    first = np.array([base.place < candidate.place for base, candidate in pairs])
    if min(first.sum(), (~first).sum()) < 2:
        return []
    gating = [watched for watched in policy.metrics if watched.role == "gating"]
    found = []
    for watched in gating:
        d = differences_of(watched, pairs)
        if not isinstance(d, np.ndarray):
            continue
        flipped = np.where(first, 1.0, -1.0) * d  # what the second run of a pair has over the first
        two = 2 * min((one := paired(flipped, ORDER_ALPHA, floor_of(watched, pairs))).p, 1 - one.p)
        if two < ORDER_ALPHA / len(gating) and abs(one.mean) > bound_of(watched) / 2:
            found.append(watched.name)
    if not found:
        return []
    return [f"who ran second in its pair differs in {', '.join(found)}: a cache may leak into the next run"]

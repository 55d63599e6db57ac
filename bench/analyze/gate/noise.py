"""What noise an environment has: pairs of the same build against itself, and what a gate could see there."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from scipy import special

from bench.analyze.gate.judge import bound_of, change_of, differences_of, floor_of
from bench.analyze.gate.paired import paired
from bench.analyze.gate.policy import Policy, Watched
from bench.analyze.gate.power import level_of_each_look, pairs_for, smallest_shift
from bench.analyze.gate.refusals import Pair, complete_pairs, invalid_pairs, unmendable
from bench.analyze.gate.report import LeftOut
from bench.analyze.gate.table import RunRow, unreal_of
from bench.analyze.window import Value
from bench.metrics import Floats

LEAST_PAIRS = 5
MOST_SUBSETS = 20_000
ORDER_ALPHA = 0.01


class NoiseOf(Value):
    """One metric: the spread of its paired differences, and what follows. Changes as in gate.json."""

    name: str
    margin: float
    spread: float
    spread_low: float
    spread_high: float
    visible_changes: tuple[float, ...]
    pairs_needed: int | None
    lag_one: float | None
    second_run_change: float
    order_p: float | None
    differences: tuple[float, ...] = ()


class NoiseReport(Value):
    """noise.json. `sound`: nothing speaks against judging builds in this environment.

    `simulated`: as in gate.json.
    """

    format_version: Literal[1] = 1
    simulated: str = ""
    sound: bool
    sentence: str
    reasons: tuple[str, ...]
    pairs: tuple[int, ...]
    baseline_first: tuple[bool, ...] = ()
    left_out: tuple[LeftOut, ...]
    looks: tuple[int, ...]
    metrics: tuple[NoiseOf, ...]
    subsets: int
    subsets_failed: int

    def to_json(self) -> str:
        """The text of noise.json."""
        return self.model_dump_json(indent=2) + "\n"


def noise(policy: Policy, rows: Sequence[RunRow]) -> NoiseReport:
    """What pairs of one build against itself say about the environment."""
    pairs = complete_pairs(rows)
    broken = invalid_pairs(pairs)
    valid = {n: pair for n, pair in pairs.items() if n not in broken}
    # Invalid runs are left out however many: nothing is compared that they could hide.
    lenient = policy.model_copy(update={"most_invalid_pairs": len(pairs)})
    reasons = unmendable(lenient, rows) if rows else ["there is no run: nothing was measured"]
    if len(valid) < LEAST_PAIRS:
        reasons.append(f"{len(valid)} valid pairs are too few; {LEAST_PAIRS} are needed, 20 are good")
        reasons += [reason for why in broken.values() for reason in why]
    gating = [watched for watched in policy.metrics if watched.role == "gating"]
    table = {} if reasons else _table(gating, list(valid.values()))
    if not table and not reasons:
        reasons = ["no gating metric has a value in every run, so nothing was measured"]
    found = tuple(_noise_of(policy, watched, d, list(valid.values())) for watched, d in table.items())
    reasons += [
        f"who runs second differs in {one.name} by {one.second_run_change:+.1%} (p {one.order_p:.2g}): a "
        "cache may leak into the next run"
        for one in found
        if one.order_p is not None and one.order_p < ORDER_ALPHA / len(found)
    ]
    subsets, failed = _subsets(policy, table)
    word = "sound" if not reasons else "not sound"
    return NoiseReport(
        simulated=unreal_of(rows),
        sound=not reasons,
        sentence=f"{word}: {reasons[0] if reasons else _said(found, failed, subsets)}",
        reasons=tuple(reasons),
        pairs=tuple(valid),
        baseline_first=tuple(base.place < candidate.place for base, candidate in valid.values()),
        left_out=tuple(LeftOut(pair=n, reasons=why) for n, why in broken.items()),
        looks=policy.looks,
        metrics=found,
        subsets=subsets,
        subsets_failed=failed,
    )


def _said(found: Sequence[NoiseOf], failed: int, subsets: int) -> str:
    widest = max(found, key=lambda one: one.spread / one.margin)
    return (
        f"the noisiest metric for its margin is {widest.name}, with a spread of {widest.spread:.1%} between "
        f"pairs; of {subsets} sets of the first look's size {failed} would FAIL"
    )


def _table(gating: Sequence[Watched], pairs: Sequence[Pair]) -> dict[Watched, Floats]:
    both = {watched: differences_of(watched, pairs) for watched in gating}
    return {watched: d for watched, d in both.items() if isinstance(d, np.ndarray)}


def _noise_of(policy: Policy, watched: Watched, d: Floats, pairs: Sequence[Pair]) -> NoiseOf:
    k, floor = d.size, floor_of(watched, pairs)
    spread = max(float(d.std(ddof=1)), floor)
    low, high = (spread * math.sqrt((k - 1) / special.chdtri(k - 1, p)) for p in (0.025, 0.975))
    alpha = level_of_each_look(policy.looks, policy.alpha)
    first = np.array([base.place < candidate.place for base, candidate in pairs])
    flipped = np.where(first, 1.0, -1.0) * d
    order = paired(flipped, ORDER_ALPHA, floor)
    flat = float(np.ptp(d)) == 0
    return NoiseOf(
        name=watched.name,
        margin=watched.margin,
        spread=spread,
        spread_low=low,
        spread_high=high,
        visible_changes=tuple(
            change_of(watched, smallest_shift(look, alpha) * spread) for look in policy.looks
        ),
        pairs_needed=pairs_for(bound_of(watched), spread, alpha),
        lag_one=None if flat else float(np.corrcoef(d[:-1], d[1:])[0, 1]),
        second_run_change=change_of(watched, order.mean),
        order_p=2 * min(order.p, 1 - order.p) if 0 < first.sum() < k else None,
        differences=tuple(map(float, d)),
    )


def _subsets(policy: Policy, table: Mapping[Watched, Floats]) -> tuple[int, int]:
    """How many sets of as many pairs as the first look has, and how many of them that look would FAIL."""
    if not table:
        return 0, 0
    d = np.array(list(table.values()))
    size = policy.looks[0]
    if math.comb(d.shape[1], size) > MOST_SUBSETS or d.shape[1] < size:
        return 0, 0
    chosen = d[:, np.array(list(itertools.combinations(range(d.shape[1]), size)))]
    mean, spread = chosen.mean(axis=2), chosen.std(axis=2, ddof=1)
    error = np.maximum(spread, 1e-9) / math.sqrt(size)
    p = special.stdtr(size - 1, -mean / error)
    order = np.argsort(p, axis=0)  # Holm's, for all sets at once: a million calls would take too long
    steps = np.arange(len(d), 0, -1)[:, None]
    sure = np.maximum.accumulate(np.take_along_axis(p, order, 0) * steps) <= level_of_each_look(
        policy.looks, policy.alpha
    )
    beyond = mean >= np.array([[bound_of(watched)] for watched in table])
    failed = (sure & np.take_along_axis(beyond, order, 0)).any(axis=0)
    return failed.size, int(failed.sum())

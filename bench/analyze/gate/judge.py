"""One verdict a metric: a t over the pairs, Holm over the gating metrics, and what stands beside it."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from bench.analyze.gate.paired import Paired, hodges_lehmann, holm, paired, sign_flip_p, without_each
from bench.analyze.gate.policy import Policy, Watched
from bench.analyze.gate.power import pairs_for, smallest_shift
from bench.analyze.gate.refusals import Pair
from bench.analyze.gate.report import MetricVerdict
from bench.analyze.gate.table import Absent
from bench.metrics import REQUEST_METRICS, RUN_METRICS, Floats

_POWER_Z = 1.2816  # nine of ten normal draws lie below


def judge(policy: Policy, pairs: Sequence[Pair], alpha: float) -> tuple[MetricVerdict, ...]:
    """Every metric of the policy over these pairs, at this one-sided level; Holm over the gating ones."""
    measured = [differences_of(watched, pairs) for watched in policy.metrics]
    found = [
        paired(d, alpha, floor_of(watched, pairs)) if isinstance(d, np.ndarray) else None
        for watched, d in zip(policy.metrics, measured, strict=True)
    ]
    family = [
        i for i, watched in enumerate(policy.metrics) if watched.role == "gating" and found[i] is not None
    ]
    adjusted = dict(zip(family, holm([one.p for i in family if (one := found[i])]), strict=True))
    return tuple(
        _verdict(watched, pairs, d, one, adjusted.get(i, one.p), alpha)
        if one is not None and isinstance(d, np.ndarray)
        else absent(watched, d, len(pairs))
        for i, (watched, d, one) in enumerate(zip(policy.metrics, measured, found, strict=True))
    )


def differences_of(watched: Watched, pairs: Sequence[Pair]) -> Floats | Absent:
    """Positive = worse: log-ratios, or differences of shares; or why there are none."""
    values = [[row.values.get(watched.name, Absent("not measured")) for row in pair] for pair in pairs]
    missing = [value for pair in values for value in pair if isinstance(value, Absent)]
    if missing:
        impossible = all(one.impossible for one in missing) and len(missing) == 2 * len(pairs)
        return Absent(next((m.why for m in missing if not m.impossible), missing[0].why), impossible)
    table = np.array(values, dtype=np.float64)
    sign = 1.0 if watched.lower_is_better else -1.0
    if watched.is_share:
        return sign * (table[:, 1] - table[:, 0])
    if (table <= 0).any():
        return Absent("a run has the value 0, of which there is no ratio")
    return sign * np.log(table[:, 1] / table[:, 0])


def floor_of(watched: Watched, pairs: Sequence[Pair]) -> float:
    """The least spread to believe of these pairs."""
    return floor_at(watched, min(row.requests for pair in pairs for row in pair))


def floor_at(watched: Watched, requests: int) -> float:
    """The least spread of runs of so many requests: shares come in steps of one, times in nanoseconds."""
    return 1 / max(1, requests) / math.sqrt(12) if watched.is_share else 1e-9


def bound_of(watched: Watched) -> float:
    """The margin on the scale of the differences."""
    if watched.is_share:
        return watched.margin
    return math.log1p(watched.margin) if watched.lower_is_better else -math.log1p(-min(watched.margin, 0.999))


def _word(found: Paired, p: float, bound: float, alpha: float) -> str:
    if p <= alpha and found.mean >= bound:
        return "FAIL"
    return "PASS" if found.high < bound else "INCONCLUSIVE"


def absent(watched: Watched, why: object, pairs: int) -> MetricVerdict:
    """The verdict on a metric that some run lacks: it cannot be, or it is undecided."""
    impossible = isinstance(why, Absent) and why.impossible
    word = "NOT_APPLICABLE" if impossible else "INCONCLUSIVE"
    reason = why.why if isinstance(why, Absent) else "not measured"
    return MetricVerdict(
        name=watched.name,
        role=watched.role,
        verdict=word,
        sentence=f"{watched.name}: {reason}: {word.replace('_', ' ').lower()}",
        unit=unit_of(watched),
        margin=watched.margin,
        pairs=pairs,
    )


def unit_of(watched: Watched) -> str:
    """`s`, `share`, `req/s`, ..., as the table of metrics says."""
    base = watched.metric.partition(".")[0]
    return (REQUEST_METRICS[base] if base in REQUEST_METRICS else RUN_METRICS[base]).unit


def _verdict(
    watched: Watched,
    pairs: Sequence[Pair],
    differences: Floats,
    found: Paired,
    p_holm: float,
    alpha: float,
) -> MetricVerdict:
    bound = bound_of(watched)
    word = _word(found, p_holm, bound, alpha)
    others = [paired(d, alpha, floor_of(watched, pairs)) for d in without_each(differences)]
    flips = {"PASS": "FAIL", "FAIL": "PASS"}.get(word) in {_word(o, o.p, bound, alpha) for o in others}
    if flips and word == "PASS":
        word = "INCONCLUSIVE"
    arms = [np.array([pair[arm].values[watched.name] for pair in pairs], dtype=np.float64) for arm in (0, 1)]
    back = partial(change_of, watched)
    k = differences.size
    seen = max(smallest_shift(k, alpha) * found.spread, bound + _POWER_Z * found.spread / math.sqrt(k))
    made = MetricVerdict(
        name=watched.name,
        role=watched.role,
        verdict=word,
        sentence="",
        unit=unit_of(watched),
        margin=watched.margin,
        pairs=k,
        baseline=float(np.median(arms[0])),
        candidate=float(np.median(arms[1])),
        change=back(found.mean),
        low=back(found.low),
        high=back(found.high),
        confidence=1 - 2 * alpha,
        p=found.p,
        p_holm=p_holm,
        sign_flip_p=sign_flip_p(differences),
        hodges_lehmann=back(hodges_lehmann(differences)),
        without_one_low=back(min(other.mean for other in others)),
        without_one_high=back(max(other.mean for other in others)),
        spread=found.spread,
        visible_change=back(seen),
        pairs_needed=pairs_for(bound, found.spread, alpha),
        fragile=flips,
        differences=tuple(map(float, differences)),
    )
    return made.model_copy(update={"sentence": sentence_of(watched, made)})


def change_of(watched: Watched, difference: float) -> float:
    """From the scale of the differences to a share of the baseline (or points), positive = worse."""
    if watched.is_share:
        return difference
    return math.expm1(difference) if watched.lower_is_better else -math.expm1(-difference)


def sentence_of(watched: Watched, found: MetricVerdict, what: str = "pairs") -> str:
    """The verdict on a metric with its numbers; `what` was counted."""
    unit = " points" if watched.is_share else " %"

    def say(change: float | None) -> str:
        return f"{100 * (change or 0.0):+.2f}" if watched.is_share else f"{100 * (change or 0.0):+.1f}"

    fragile = ", resting on a single pair" if found.fragile else ""
    return (
        f"{found.name} {say(found.change)}{unit} (positive is worse), {found.confidence:.0%} interval "
        f"{say(found.low)} to {say(found.high)}{unit}, margin {100 * watched.margin:g}{unit}, "
        f"p {found.p_holm:.2g} over the family, {found.pairs} {what}{fragile}: {found.verdict}"
    )

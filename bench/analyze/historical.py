"""The gate without pairs: runs of today against a stored baseline, by the rule of the trend.

Both arms had their own day. What changed on the machine in between counts as the build's, which no statistic
can mend; so this finds what `bench trend` would find, and pairs remain the better judge.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from bench.analyze.baseline import Baseline
from bench.analyze.changes import p_of_split
from bench.analyze.gate.beside import judge_clause
from bench.analyze.gate.decide import exit_code_of, overall, refuse_unknown_classes
from bench.analyze.gate.judge import absent, bound_of, change_of, floor_at, sentence_of, unit_of
from bench.analyze.gate.paired import holm
from bench.analyze.gate.policy import Policy, Watched
from bench.analyze.gate.refusals import load_of, too_much_load, too_short
from bench.analyze.gate.report import ClauseVerdict, GateReport, MetricVerdict
from bench.analyze.gate.table import Absent, RunRow, unreal_of
from bench.analyze.moved import CONFIRMED
from bench.analyze.trend import trend_of
from bench.metrics import Floats

SEED = 20261124


def gate_historical(policy: Policy, baseline: Baseline, rows: Sequence[RunRow]) -> GateReport:
    """The verdict on these runs of a candidate, all of the baseline's setting.

    Raises PolicyError where the policy names a class that no run has.
    """
    refuse_unknown_classes(policy, rows)
    valid = [row for row in rows if not row.faults]
    refused = _refusals(policy, baseline, rows, valid)
    metrics = () if refused else _judge(policy, baseline, valid)
    clauses = _clauses(policy, rows if refused else valid, bool(refused))
    failed = [clause.sentence for clause in clauses if clause.verdict == "REFUTED"]
    word, reasons = overall(policy, metrics, clauses)
    if refused:
        word, reasons = ("FAIL" if failed else "INVALID"), [*failed, *refused]
    return GateReport(
        mode="historical",
        simulated=unreal_of(rows),
        verdict=word,
        exit_code=exit_code_of(policy, word),
        sentence=f"{word}: {reasons[0]}",
        reasons=tuple(reasons),
        notes=(*_notes(policy, baseline, rows),),
        next_step="nothing: it is decided" if word in {"PASS", "FAIL"} else _NEXT,
        pairs_complete=0,
        look=None,
        left_out=(),
        metrics=metrics,
        slo=clauses,
        policy=policy,
    )


def _clauses(policy: Policy, rows: Sequence[RunRow], errors_only: bool) -> tuple[ClauseVerdict, ...]:
    """The limits; where the runs are refused, the errors alone may still be a verdict."""
    if errors_only and len(rows) < CONFIRMED:
        return ()
    asked = [one for one in policy.slo if one.metric == "error_rate" or not errors_only]
    return tuple(judge_clause(one, rows, policy.alpha) for one in asked)


_NEXT = "compare the builds at one time, with `bench ab`"


def _refusals(
    policy: Policy, baseline: Baseline, rows: Sequence[RunRow], valid: Sequence[RunRow]
) -> list[str]:
    if not rows:
        return ["there is no run: nothing was measured"]
    faults = [f"candidate run {row.folder}: {fault}" for row in rows for fault in row.faults]
    known = {one.run_id for one in baseline.runs}
    own = sorted(row.folder for row in rows if row.run_id in known)
    reasons = [f"{', '.join(own)}: a run of the baseline itself"] if own else []
    reasons += [*too_short(policy, rows), *too_much_load(policy, rows), *_lengths(policy, baseline, valid)]
    reasons += faults if len(rows) - len(valid) > policy.most_invalid_pairs else []
    if len(valid) < CONFIRMED:
        reasons += [f"{len(valid)} valid runs are too few: {CONFIRMED} are needed", *faults]
    return list(dict.fromkeys(reasons))


def _lengths(policy: Policy, baseline: Baseline, rows: Sequence[RunRow]) -> list[str]:
    """V11, over all runs."""
    before = [one.out_tokens for one in baseline.runs if one.out_tokens]
    after = [row.out_tokens for row in rows if row.out_tokens]
    found = []
    if before and after:
        change = float(np.exp(np.mean(np.log(after)) - np.mean(np.log(before)))) - 1
        if abs(change) > policy.max_length_change:
            how = "longer" if change > 0 else "shorter"
            found.append(
                f"the candidate's answers are {abs(change):.1%} {how} than the baseline's (limit "
                f"{policy.max_length_change:.0%}): latency and throughput of other answers do not compare"
            )
    if rows and {one.tokens_source for one in baseline.runs} != {row.tokens_source for row in rows}:
        found.append("tokens are counted by other means than in the baseline, so they do not compare")
    return found


def _notes(policy: Policy, baseline: Baseline, rows: Sequence[RunRow]) -> list[str]:
    moved = [change.sentence for one in trend_of(policy, baseline.runs).series for change in one.changes]
    age = (
        f"against {len(baseline.runs)} runs of a baseline set at {baseline.set_at}: what changed on the "
        "machine since then counts as the build's; `bench ab` measures both at one time"
    )
    found = [
        age,
        *(f"the baseline itself moved: {sentence}" for sentence in moved),
        *(f"left out: {row.folder}: {'; '.join(row.faults)}" for row in rows if row.faults),
    ]
    gating = sum(watched.role == "gating" for watched in policy.metrics)
    arms = len(baseline.runs), len(rows)
    # Of arms of equal size an order and its mirror part alike.
    orders = math.comb(sum(arms), arms[1]) // (2 if arms[0] == arms[1] else 1)
    if gating > policy.alpha * orders:
        found.append(
            f"so few runs can show nothing over {gating} metrics: only {orders} orders of them differ"
        )
    if rows and load_of(policy, rows) is None:
        found.append("load relative to capacity unknown: the policy has no confirmed_rate_per_s")
    return found


def _judge(policy: Policy, baseline: Baseline, rows: Sequence[RunRow]) -> tuple[MetricVerdict, ...]:
    random = np.random.default_rng(SEED)
    arms = [_arms(watched, baseline, rows) for watched in policy.metrics]
    p_values = [_p_worse(*arm, random) if isinstance(arm, tuple) else None for arm in arms]
    family = [
        (i, p)
        for i, (watched, p) in enumerate(zip(policy.metrics, p_values, strict=True))
        if p is not None and watched.role == "gating"
    ]
    adjusted = dict(zip((i for i, _ in family), holm([p for _, p in family]), strict=True))
    return tuple(
        _verdict(policy, watched, arm, _floors(watched, baseline, rows), p, adjusted.get(i, p))
        if p is not None and isinstance(arm, tuple)
        else absent(watched, arm, len(rows))
        for i, (watched, arm, p) in enumerate(zip(policy.metrics, arms, p_values, strict=True))
    )


def _arms(watched: Watched, baseline: Baseline, rows: Sequence[RunRow]) -> tuple[Floats, Floats] | Absent:
    """Both arms on the scale of the differences, positive = worse; or why there are none."""
    told = [row.values.get(watched.name, Absent("not measured")) for row in rows]
    missing = [value for value in told if isinstance(value, Absent)]
    before = [one.values.get(watched.name) for one in baseline.runs]
    if missing:
        nowhere = all(isinstance(one, Absent) and one.impossible for one in told)
        said = next((one for one in missing if not one.impossible), missing[0])
        return Absent(said.why, nowhere and all(one is None for one in before))
    known = [value for value in before if value is not None]
    if len(known) < len(before):
        return Absent(f"{len(before) - len(known)} runs of the baseline lack it")
    arms = [np.array(side, dtype=np.float64) for side in (known, told)]
    if not watched.is_share and min(side.min() for side in arms) <= 0:
        return Absent("a run has the value 0, of which there is no ratio")
    sign = 1.0 if watched.lower_is_better else -1.0
    first, second = (sign * (side if watched.is_share else np.log(side)) for side in arms)
    return first, second


def _floors(watched: Watched, baseline: Baseline, rows: Sequence[RunRow]) -> tuple[float, float]:
    before, after = (min(one.requests for one in side) for side in (baseline.runs, rows))
    return floor_at(watched, before), floor_at(watched, after)


def _p_worse(before: Floats, after: Floats, random: np.random.Generator) -> float:
    if after.mean() <= before.mean():
        return 1.0
    return p_of_split(np.concatenate([before, after]), before.size, random)


def welch(
    before: Floats, after: Floats, alpha: float, floors: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float]:
    """The bounds of the difference of means, each at this one-sided level; variances may differ.

    `floors`: the least standard deviation that is believed of each side.
    """
    sides = list(zip((before, after), floors, strict=True))
    parts = [max(side.var(ddof=1), floor**2) / side.size for side, floor in sides]
    total = sum(parts)
    middle = float(after.mean() - before.mean())
    if total == 0:
        return middle, middle
    freedom = total**2 / sum(part**2 / (side.size - 1) for part, (side, _) in zip(parts, sides, strict=True))
    reach = float(special.stdtrit(freedom, 1 - alpha)) * math.sqrt(total)
    return middle - reach, middle + reach


def _verdict(
    policy: Policy,
    watched: Watched,
    arm: tuple[Floats, Floats],
    floors: tuple[float, float],
    p: float,
    p_holm: float,
) -> MetricVerdict:
    before, after = arm
    bound, shift = bound_of(watched), float(after.mean() - before.mean())
    low, high = welch(before, after, policy.alpha, floors)
    sign = 1.0 if watched.lower_is_better else -1.0
    medians = [float(np.median(sign * side if watched.is_share else np.exp(sign * side))) for side in arm]
    made = MetricVerdict(
        name=watched.name,
        role=watched.role,
        verdict="FAIL"
        if p_holm <= policy.alpha and shift >= bound
        else "PASS"
        if high < bound
        else "INCONCLUSIVE",
        sentence="",
        unit=unit_of(watched),
        margin=watched.margin,
        pairs=after.size,
        baseline=medians[0],
        candidate=medians[1],
        change=change_of(watched, shift),
        low=change_of(watched, low),
        high=change_of(watched, high),
        confidence=1 - 2 * policy.alpha,
        p=p,
        p_holm=p_holm,
        differences=tuple(map(float, after - before.mean())),
    )
    return made.model_copy(update={"sentence": sentence_of(watched, made, "runs against a stored baseline")})

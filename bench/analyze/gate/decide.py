"""Rows of runs -> the verdict: looks in their order, a t over pairs for each metric, Holm over the family.

FAIL: significantly worse, and by the margin or more. PASS: shown to be worse by less than the margin.
INCONCLUSIVE: neither. The first look that decides ends it.
"""

from collections.abc import Sequence

from bench.analyze.gate.beside import judge_clause, order_effect
from bench.analyze.gate.judge import judge
from bench.analyze.gate.policy import Policy, PolicyError
from bench.analyze.gate.power import level_of_each_look
from bench.analyze.gate.refusals import Pair, complete_pairs, invalid_pairs, notes, refusals, unmendable
from bench.analyze.gate.report import (
    EXIT_CODES,
    ClauseVerdict,
    GateReport,
    LeftOut,
    Look,
    MetricVerdict,
    Word,
)
from bench.analyze.gate.starts import starts_of
from bench.analyze.gate.table import RunRow, unreal_of


def gate(policy: Policy, rows: Sequence[RunRow]) -> GateReport:
    """The verdict on these runs. Raises PolicyError where the policy names a class that no run has."""
    refuse_unknown_classes(policy, rows)
    pairs = complete_pairs(rows)
    broken = invalid_pairs(pairs)
    reasons = refusals(policy, rows)
    left_out = tuple(LeftOut(pair=n, reasons=why) for n, why in broken.items())
    valid = {n: pair for n, pair in pairs.items() if n not in broken}
    if not reasons and len(valid) < policy.looks[0]:
        reasons = [f"{len(valid)} valid pairs are too few: the first look is at {policy.looks[0]}"]
        reasons += [reason for pair in broken.values() for reason in pair]
    if reasons:
        return _invalid(policy, rows, pairs, left_out, reasons)
    return _looked(policy, rows, valid, left_out, len(pairs))


def settled(policy: Policy, rows: Sequence[RunRow]) -> bool:
    """Whether more pairs could change nothing: a look has decided, the last was taken, or all is in vain.

    Ask it only between two pairs.
    """
    if not rows:
        return False
    if unmendable(policy, rows):
        return True
    pairs = complete_pairs(rows)
    valid = len(pairs) - len(invalid_pairs(pairs))
    if valid not in policy.looks:
        return False
    return valid == policy.looks[-1] or gate(policy, rows).verdict != "INCONCLUSIVE"


def refuse_unknown_classes(policy: Policy, rows: Sequence[RunRow]) -> None:
    """Raise PolicyError where the policy names a class that no run has."""
    known = {name.partition(":")[0] for row in rows for name in row.values if ":" in name}
    asked = [one.traffic_class for one in policy.metrics] + [one.traffic_class for one in policy.slo]
    unknown = sorted({name for name in asked if name is not None and name not in known})
    if rows and unknown:
        there = ", ".join(sorted(known))
        raise PolicyError(f"no run has the traffic class {', '.join(unknown)}; there are: {there}")


def _invalid(
    policy: Policy,
    rows: Sequence[RunRow],
    pairs: dict[int, Pair],
    left_out: tuple[LeftOut, ...],
    reasons: list[str],
) -> GateReport:
    """No verdict, unless the candidate's errors alone are one."""
    alpha = level_of_each_look(policy.looks, policy.alpha)
    enough = len(pairs) >= policy.looks[0]
    errors = [clause for clause in policy.slo if clause.metric == "error_rate"] if enough else []
    clauses = tuple(judge_clause(clause, [c for _, c in pairs.values()], alpha) for clause in errors)
    refuted = [clause.sentence for clause in clauses if clause.verdict == "REFUTED"]
    word: Word = "FAIL" if refuted else "INVALID"
    return GateReport(
        simulated=unreal_of(rows),
        verdict=word,
        exit_code=EXIT_CODES[word],
        sentence=f"{word}: {(refuted or reasons)[0]}",
        reasons=(*refuted, *reasons),
        notes=tuple(notes(policy, rows)) if rows else (),
        next_step="mend the reasons above and measure again",
        pairs_complete=len(pairs),
        look=None,
        left_out=left_out,
        metrics=(),
        slo=clauses,
        starts=starts_of(rows),
        policy=policy,
    )


def _looked(
    policy: Policy,
    rows: Sequence[RunRow],
    valid: dict[int, Pair],
    left_out: tuple[LeftOut, ...],
    complete: int,
) -> GateReport:
    """Look after look, until one decides or the pairs are used up."""
    alpha = level_of_each_look(policy.looks, policy.alpha)
    due = [(number, pairs) for number, pairs in enumerate(policy.looks, start=1) if pairs <= len(valid)]
    for number, count in due:
        used = dict(list(valid.items())[:count])
        metrics = judge(policy, list(used.values()), alpha)
        clauses = tuple(judge_clause(clause, [c for _, c in used.values()], alpha) for clause in policy.slo)
        word, reasons = overall(policy, metrics, clauses)
        look = Look(number=number, pairs=tuple(used), alpha=alpha)
        if word != "INCONCLUSIVE":
            break
    beyond = [f"{len(valid) - count} pairs after that look were not looked at"] if len(valid) > count else []
    return GateReport(
        simulated=unreal_of(rows),
        verdict=word,
        exit_code=exit_code_of(policy, word),
        sentence=f"{word}: {reasons[0]}",
        reasons=tuple(reasons),
        notes=(*notes(policy, rows), *order_effect(policy, list(used.values())), *beyond),
        next_step=_next_step(policy, word, number, metrics),
        pairs_complete=complete,
        look=look,
        left_out=left_out,
        metrics=metrics,
        slo=clauses,
        starts=starts_of(rows),
        policy=policy,
    )


def exit_code_of(policy: Policy, word: Word) -> int:
    """That of the verdict, or what the policy says of an undecided one."""
    if word == "INCONCLUSIVE" and policy.inconclusive != "report":
        return {"pass": 0, "fail": 1}[policy.inconclusive]
    return EXIT_CODES[word]


def overall(
    policy: Policy, metrics: Sequence[MetricVerdict], clauses: Sequence[ClauseVerdict]
) -> tuple[Word, list[str]]:
    """The verdict over all metrics and limits, with its reasons."""
    gating = [metric for metric in metrics if metric.role == "gating" and metric.verdict != "NOT_APPLICABLE"]
    failed = [found.sentence for found in gating if found.verdict == "FAIL"]
    failed += [found.sentence for found in clauses if found.verdict == "REFUTED"]
    if failed:
        return "FAIL", failed
    if not gating:
        return "INVALID", ["no gating metric applies to this workload, so nothing was judged"]
    spared = {metric.name for metric in policy.metrics if metric.may_be_inconclusive}
    undecided = [f.sentence for f in gating if f.verdict == "INCONCLUSIVE" and f.name not in spared]
    undecided += [found.sentence for found in clauses if found.verdict == "OPEN"]
    if undecided:
        return "INCONCLUSIVE", undecided
    passed = [found for found in gating if found.verdict == "PASS"]
    if not passed:
        return "INCONCLUSIVE", ["nothing was decided, though the policy would let each metric be so"]
    worst = max(passed, key=lambda found: (found.high or 0.0) / found.margin)
    return "PASS", [f"{len(passed)} gating metrics pass; the closest: {worst.sentence}"]


def _next_step(policy: Policy, word: Word, number: int, metrics: Sequence[MetricVerdict]) -> str:
    if word != "INCONCLUSIVE":
        return "nothing: it is decided"
    if number < len(policy.looks):
        return f"go on to the next look, at {policy.looks[number]} valid pairs"
    needed = [m.pairs_needed for m in metrics if m.role == "gating" and m.verdict == "INCONCLUSIVE"]
    if needed and all(needed):
        most = max(n for n in needed if n)
        return f"that was the last look; a new experiment with about {most} pairs would see the margins"
    return "that was the last look; lower the noise (longer windows, less load), or widen the margins"

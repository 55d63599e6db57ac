"""The sentences of a report of pairs: the verdict in words, and what to see in each figure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analyze.gate import GateReport, MetricVerdict, NoiseReport

HEADLINES = {
    "PASS": "the candidate is not worse by more than is tolerated",
    "FAIL": "the candidate is worse by more than is tolerated",
    "INCONCLUSIVE": "it is not shown yet whether the candidate is worse",
    "INVALID": "these runs allow no verdict",
}


def verdict(report: GateReport) -> list[str]:
    """What was found, in words: the metrics that failed, those that are open, or how sure a PASS is."""
    gating = [metric for metric in report.metrics if metric.role == "gating"]
    failed = [metric for metric in gating if metric.verdict == "FAIL"]
    limits = [clause.sentence for clause in report.slo if clause.verdict == "REFUTED"]
    if report.verdict == "INVALID" or not report.metrics:
        return list(report.reasons)
    if report.verdict == "FAIL":
        return [*map(_became, failed), *limits]
    if report.verdict == "PASS":
        passed = [metric for metric in gating if metric.verdict == "PASS"]
        closest = _became(max(passed, key=_closeness))
        how_many = f"Each of {len(passed)} metrics is" if len(passed) > 1 else "The one metric is"
        return [f"{how_many} shown to be worse by less than its margin. The closest: {closest}"]
    undecided = [metric for metric in gating if metric.verdict == "INCONCLUSIVE"]
    return [*map(_open, undecided), *(clause.sentence for clause in report.slo if clause.verdict == "OPEN")]


def _closeness(metric: MetricVerdict) -> float:
    return (metric.high or 0.0) / metric.margin


def _became(metric: MetricVerdict) -> str:
    tolerated = f"{100 * metric.margin:g}{' points' if metric.unit == 'share' else ' %'}"
    word = "worse" if (metric.change or 0.0) >= 0 else "better"
    return (
        f"{metric.name} went from {value(metric, metric.baseline)} to {value(metric, metric.candidate)} "
        f"(medians of the runs). Pair by pair it is {word} by {change(metric, abs(metric.change or 0.0))}, "
        f"with an interval from {change(metric, metric.low, sign=True)} to "
        f"{change(metric, metric.high, sign=True)}; {tolerated} is tolerated."
    )


def _open(metric: MetricVerdict) -> str:
    if metric.change is None:
        return metric.sentence
    needed = f" About {metric.pairs_needed} pairs would tell." if metric.pairs_needed else ""
    why = " It rests on a single pair." if metric.fragile else ""
    return f"{_became(metric)}{why}{needed}"


def value(metric: MetricVerdict, of: float | None) -> str:
    """A median in its unit."""
    if of is None:
        return "-"
    if metric.unit == "s":
        return f"{of * 1e3:.4g} ms"
    return f"{of:.2%}" if metric.unit == "share" else f"{of:.4g} {metric.unit}"


def change(metric: MetricVerdict, of: float | None, *, sign: bool = False) -> str:
    """A change in percent, of a share in points."""
    if of is None:
        return "-"
    digits = 2 if metric.unit == "share" else 1
    return f"{100 * of:{'+' if sign else ''}.{digits}f}{' points' if metric.unit == 'share' else ' %'}"


def forest(report: GateReport) -> str:
    """How to read the bars."""
    known = [metric for metric in report.metrics if metric.change is not None and metric.role == "gating"]
    pairs = len(report.look.pairs) if report.look else 0
    closest = max(known, key=_closeness, default=None)
    told = f" The closest to its margin or beyond: {closest.name}." if closest else ""
    level = f"{closest.confidence:.0%} " if closest and closest.confidence else ""
    return (
        f"Each row is a metric: the dot its mean change over {pairs} pairs, the bar the {level}interval, in "
        "margins. A bar that ends left of the dashed line passes; a dot on or right of it whose bar stays "
        f"right of 0 fails; an arrow is a bar that goes on.{told}"
    )


def in_order(drift: bool = True) -> str:
    """What would be wrong in it."""
    advice = " Dots above the dashed line are pairs that were worse than is tolerated." if drift else ""
    return (
        "Each dot is a pair, in the order in which they were made. A slope is an environment that drifted; "
        f"triangles apart from circles are an advantage of whoever runs second, such as a cache.{advice}"
    )


def shift(curves: dict[str, pd.DataFrame]) -> str:
    """Where in the distribution the change is, with numbers."""
    told = [f"{m.upper()} {_at(curve, 0.5)} and {_at(curve, 1.0)}" for m, curve in curves.items()]
    return (
        "How much worse the candidate is at each quantile: flat is a build that is slower throughout, rising "
        f"to the right one with a worse tail; where the band holds 0, nothing is shown. {', '.join(told)}."
    )


def _at(curve: pd.DataFrame, level: float) -> str:
    """The change at the quantile that is nearest to a level."""
    levels = curve.index.to_numpy(dtype=np.float64)
    nearest = int(np.abs(levels - level).argmin())
    return f"{100 * curve['change'].iloc[nearest]:+.1f} % at p{100 * levels[nearest]:.0f}"


def runs() -> str:
    """Why a line a run."""
    return (
        "Each line is one run; further left is faster. The builds differ where the two colours stand apart "
        "by more than lines of one colour do."
    )


def runs_of_one_build() -> str:
    """Both colours are the same build."""
    return (
        "Each line is one run; further left is faster. Both colours are one build, so they should lie on one "
        "another: what lies apart is the environment's doing."
    )


def power(report: GateReport, visible: pd.DataFrame) -> str:
    """The noisiest metric, and which would be seen."""
    look = report.look.number if report.look else 1
    pairs = report.policy.looks[look - 1]
    at = {str(name): float(share) for name, share in visible.loc[pairs].to_dict().items()}
    blind = [name for name, share in at.items() if share > 1]
    found = f"too noisy for its margin: {', '.join(blind)}" if blind else "every margin is seen"
    worst = next(m for m in report.metrics if m.name == max(at, key=at.__getitem__))
    seen = change(worst, at[worst.name] * worst.margin)
    return (
        "The smallest true change that so many pairs tell from nothing nine times of ten, at the spread "
        f"that was found. Below the dashed line a change of the margin is seen. With {pairs} pairs: {found}; "
        f"of the noisiest, {worst.name}, a change of about {seen} is."
    )


def noise(report: NoiseReport) -> str:
    """Which changes would be seen."""
    blind = [one.name for one in report.metrics if one.visible_changes[-1] > one.margin]
    found = f"Not even at the last look: {', '.join(blind)}." if blind else "At the last look all are."
    return (
        "Each row is a metric with its spread between pairs; the marks are the smallest changes that a look "
        "sees nine times of ten, the bars what the uncertainty of the spread makes of them. Left of the "
        f"dashed line a change of the margin is seen. {found}"
    )


def normal() -> str:
    """What to look for, and how little it means."""
    return (
        "The differences of the pairs in order, against those of a normal distribution. Dots along the line "
        "are what the test expects; single dots far off at an end are odd pairs. A t test minds little, so "
        "this is for information."
    )


def subsets(report: NoiseReport) -> str:
    """The false alarms among the sets of pairs."""
    if not report.subsets:
        return "The number of sets of pairs is too large, or too small, to judge each."
    return (
        f"Of {report.subsets:,} sets of {report.looks[0]} of these pairs, {report.subsets_failed:,} would "
        f"FAIL though both arms are one build. Only {len(report.pairs) // report.looks[0]} of them are "
        "independent, so this is no rate with an error bar."
    )


def validity(runs: int, invalid: Sequence[str], doubtful: Sequence[str]) -> str:
    """How many runs were fit."""
    if not runs:
        return "No run was made."
    if invalid:
        return f"Not fit: {', '.join(invalid)}. What is not fit enters no gate, and neither does its pair."
    if doubtful:
        return f"Every run is fit; {len(doubtful)} with a warning."
    return "Every run is fit, without a warning."

"""The sentence above each figure: what to see in it, with this run's own numbers."""

from collections.abc import Sequence

from bench.analyze import Drift, LaneStarts, RateRow, StartsReport, Summary
from bench.report import words
from bench.report.start_words import start_words


def legend() -> str:
    """How to read the tables."""
    return (
        "Latency counts from the instant at which a request was due, over ok and degraded requests; those "
        "that timed out or were unfinished count as slower than any. `-` means undefined, or that fewer than "
        "ten requests lie beyond that quantile; `never` means that the quantile falls among requests that "
        "did not end. SLO met counts every request that was due, failures included."
    )


def over_time(summary: Summary, metric: str, moved: Drift | None) -> str:
    """Whether the metric moved."""
    shaded = " Grey: warm-up, not measured." if summary.window.start_s > 0 else ""
    return (
        f"Each dot is the {metric.upper()} of an answered request at the instant it was due.{shaded}"
        f"{_moved(moved)} A steady rise means that the load is more than the pool can serve."
    )


def _moved(moved: Drift | None) -> str:
    if moved is None:
        return ""
    lane = " on ".join(filter(None, (moved.traffic_class, moved.profile)))
    medians = f"{words.span(moved.early_s)} to {words.span(moved.late_s)}"
    return f" From the first half of the window to the second the median moved most for {lane}: {medians}."


def distribution(summary: Summary, metric: str) -> str:
    """Where most requests lie."""
    spreads = [(part.traffic_class, part.latencies[metric]) for part in summary.classes]
    known = [
        f"{name} {' and '.join(words.milliseconds(level) for level in pair if level.printable)} ms"
        for name, pair in ((name, (spread.p50, spread.p95)) for name, spread in spreads)
        if pair[0].printable
    ]
    numbers = (
        f"Half of the requests were within (and 95%, where resolved): {', '.join(known)}. " if known else ""
    )
    return f"{numbers}Further left is faster; a line that ends below 1 has requests that never ended."


def outcomes(summary: Summary) -> str:
    """What became of the requests."""
    tally = summary.overall.run
    rest = words.counts({word: count for word, count in tally.outcomes.items() if word != "ok"})
    return (
        f"{tally.outcomes['ok']:,} of {tally.scheduled:,} requests were ok; the others: {rest}. "
        "Each column holds all that were due in it, so colours that are not blue are requests lost."
    )


def rates(summary: Summary) -> str:
    """Whether the generator kept its schedule and the server kept up."""
    part, sent = summary.overall, words.percent(summary.generator.sent_share)
    done, offered = words.rate(part.completed_rate), words.rate(part.offered_rate)
    return (
        f"Sent must lie on scheduled (in the window {sent} was sent): a gap is the generator's fault. "
        f"Completed {done} of {offered} req/s offered: where it stays below, requests pile up or fail."
    )


def workers(summary: Summary) -> str:
    """When capacity came."""
    starts = "; ".join(map(words.provisioning, summary.provisioning))
    return (
        f"Live workers as the gateway counts them. {'Cold starts: ' + starts if starts else 'No cold start'}."
    )


def cold_starts(lane: LaneStarts) -> str:
    """How to read the curve of one lane."""
    between = start_words(lane.from_workers).between
    return (
        f"{words.starts(lane)}. Each start is known to lie between {between}, so the "
        "curve has two sides; the dashed line is the share that may be promised from so few starts."
    )


def stages(report: StartsReport) -> str:
    """Where the time goes."""
    return start_words(report.from_workers).stages


def lengths() -> str:
    """Why both are kept."""
    return (
        "Output asked is a cap: a server may answer shorter, and shorter answers look faster. Means over "
        "answered requests of the window that report both."
    )


def fitness(summary: Summary) -> str:
    """Whether the run is fit, and what these rules are for."""
    return (
        f"{words.fitness(summary)[0].capitalize()}. The rules are about the run, not about its numbers: a "
        "load that was not what was asked for, a server that had not settled or did not keep up. A run that "
        "breaks one enters no comparison of builds."
    )


def left_out() -> str:
    """Why this table is there."""
    return "A quantile without its failures flatters the server: this is what each one rests on."


def troubles(summary: Summary) -> str:
    """How bad it was."""
    tally = summary.overall.run
    lost = tally.scheduled - tally.answered
    if not lost:
        return f"Nothing: all {tally.scheduled:,} requests were answered."
    reasons = words.counts(summary.overall.reasons)
    return f"{lost:,} of {tally.scheduled:,} requests were not answered; reasons: {reasons}."


def printable(rows: Sequence[RateRow], metric: str) -> bool:
    """Whether any run has a median of the metric."""
    return any(getattr(row, f"{metric}_p50").printable for row in rows)


def throughput(rows: Sequence[RateRow], metric: str) -> str:
    """From where to where."""
    known = [(row, getattr(row, f"{metric}_p50")) for row in rows if getattr(row, f"{metric}_p50").printable]
    (first, low), (last, high) = known[0], known[-1]
    slow, fast = words.rate(first.completed_rate), words.rate(last.completed_rate)
    moved = f"from {words.milliseconds(low)} ms to {words.milliseconds(high)} ms"
    return (
        f"From {slow} to {fast} completed requests per s the median {metric.upper()} goes {moved}. "
        "Where the line turns up, more load buys waiting; where it turns back, the server is past its limit."
    )

"""What is said about a run beside its tables: labelled sentences, the same in terminal and page."""

from collections.abc import Iterable, Iterator

from bench.analyze import Miss, Summary
from bench.report import words

Fact = tuple[str, str]
"""A label and a sentence."""


def grouped(labelled: Iterable[Fact]) -> Iterator[Fact]:
    """The same with each label said once."""
    before = None
    for label, sentence in labelled:
        yield ("" if label == before else label), sentence
        before = label


def head(summary: Summary) -> list[Fact]:
    """Which run it is, whom it measured, and whether that was real."""
    run = summary.run
    dialect = f"(dialect {run.dialect})" if run.dialect else None
    target = " ".join(filter(None, (run.target_kind, run.target_version, dialect, run.target_url)))
    simulated = words.simulated(summary)
    return [
        ("run", f"{run.scenario} in {run.folder}, {run.state}"),
        ("target", target),
        *([("", simulated)] if simulated else []),
        *(("pool", f"{name}, made for this run: {words.counts(made)}") for name, made in run.pools.items()),
    ]


def facts(summary: Summary, misses: Iterable[Miss] = ()) -> list[Fact]:
    """Window, rates, books, doubts, SLOs, and the verdict on the generator."""
    return [
        ("window", words.window(summary.window)),
        ("rates", _rates(summary)),
        ("whole run", words.books(summary.overall.run)),
        *_troubles(summary),
        *_asked(summary),
        *(("SLO", words.slo(part.traffic_class or "", part.slo)) for part in summary.classes if part.slo),
        *(("SLO MISSED", str(miss)) for miss in misses),
        *(("gate", line) for line in words.fitness(summary)),
        *(("generator", line) for line in (*words.verdict(summary), words.generator(summary))),
    ]


def _rates(summary: Summary) -> str:
    part = summary.overall
    return (
        f"offered {words.rate(part.offered_rate)} req/s, completed {words.rate(part.completed_rate)} req/s, "
        f"{words.rate(part.output_tokens_rate)} output tok/s, {words.rate(part.items_rate)} items/s"
    )


def _troubles(summary: Summary) -> Iterator[Fact]:
    if summary.overall.reasons:
        yield "reasons", words.counts(summary.overall.reasons)
    for start in summary.provisioning:
        yield "cold start", words.provisioning(start)
    if worth := words.one_start(summary.provisioning):
        yield "cold start", worth
    if summary.retries:
        yield "retries", words.retries(summary.retries)
    for doubt in words.doubts(summary):
        yield "uncertain", doubt
    for warning in summary.run.warnings:
        yield "warning", warning


def _asked(summary: Summary) -> Iterator[Fact]:
    for part in summary.classes:
        told = words.lengths(part.lengths)
        if told:
            yield "tokens", f"{part.traffic_class}, mean asked -> got: {told}"

"""Several runs of one scenario at different rates: the rows of a latency-throughput table."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.analyze.experiment import FILE, listed
from bench.analyze.latency import Level
from bench.analyze.run import AnalysisError, load
from bench.analyze.summary import Summary, summarise
from bench.record import RunFolder


@dataclass(frozen=True, slots=True)
class RateRow:
    """One run of a sweep: rates per second, latencies in seconds, shares between 0 and 1."""

    folder: str
    asked_rate_per_s: float | None
    offered_rate: float | None
    completed_rate: float | None
    output_tokens_rate: float | None
    items_rate: float | None
    ttft_p50: Level
    ttft_p95: Level
    tpot_p50: Level
    e2e_p50: Level
    e2e_p95: Level
    attainment: float | None
    error_rate: float | None
    judgement: str


def load_sweep(folder: Path) -> list[Summary]:
    """Summarise the runs that experiment.json lists and that are there, in its order.

    Raises AnalysisError where it is missing, damaged, of another kind, or lists no run that is there.
    """
    planned = [RunFolder(folder / run.folder) for run in listed(folder, "rates", "bench run --rates").runs]
    there = [run for run in planned if run.requests_file.exists()]
    if not there:
        raise AnalysisError(f"{folder / FILE} lists no finished run of a rate sweep")
    return [summarise(load(run)) for run in there]


def compare_rates(summaries: Iterable[Summary]) -> tuple[RateRow, ...]:
    """A row a run, by rate asked (offered where none was asked)."""
    return tuple(
        sorted(map(_row, summaries), key=lambda row: row.asked_rate_per_s or row.offered_rate or 0.0)
    )


def _row(summary: Summary) -> RateRow:
    part = summary.overall
    ttft, tpot, e2e = (part.latencies[name] for name in ("ttft", "tpot", "e2e"))
    return RateRow(
        folder=summary.run.folder,
        asked_rate_per_s=summary.run.asked_rate_per_s,
        offered_rate=part.offered_rate,
        completed_rate=part.completed_rate,
        output_tokens_rate=part.output_tokens_rate,
        items_rate=part.items_rate,
        ttft_p50=ttft.p50,
        ttft_p95=ttft.p95,
        tpot_p50=tpot.p50,
        e2e_p50=e2e.p50,
        e2e_p95=e2e.p95,
        attainment=part.attainment,
        error_rate=part.error_rate,
        judgement=summary.verdict.judgement,
    )

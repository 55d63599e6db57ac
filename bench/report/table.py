"""The tables of a run in the terminal: never wider than 100 columns, never a number cut off."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analyze import Miss, Part, RateRow, Summary
from bench.report import words
from bench.report.facts import Fact, facts, grouped, head

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells as text under headings; the first `names` columns may wrap, numbers never do."""

    title: str
    headings: tuple[str, ...]
    names: int
    rows: tuple[tuple[str, ...], ...]


def parts(summary: Summary) -> list[Part]:
    """The rows of the tables: each class on each profile, its total where it has several, and the run."""
    rows: list[Part] = []
    for total in summary.classes:
        lanes = [lane for lane in summary.lanes if lane.traffic_class == total.traffic_class]
        rows += lanes if len(lanes) > 1 else []
        rows.append(lanes[0] if len(lanes) == 1 else total)
    return [*rows, summary.overall] if len(rows) > 1 else rows


def traffic_grid(summary: Summary) -> Grid:
    """How much: requests, rates, and how many were good."""
    headings = ("class", "profile", "operation", "requests", "ok", "not ok", "offered\nreq/s", "done\nreq/s",
                "output\ntok/s", "items/s", "SLO met\n%", "goodput\nreq/s")  # fmt: skip
    rows = [
        (
            *_names(part),
            part.operation or "",
            words.number(part.window.scheduled),
            words.number(part.window.outcomes["ok"]),
            words.number(part.window.scheduled - part.window.outcomes["ok"]),
            words.rate(part.offered_rate),
            words.rate(part.completed_rate),
            words.rate(part.output_tokens_rate),
            words.rate(part.items_rate),
            words.share(part.attainment),
            words.rate(part.goodput),
        )
        for part in parts(summary)
    ]
    return Grid("Traffic in the measurement window", headings, 3, tuple(rows))


def latency_grid(summary: Summary) -> Grid:
    """How fast: quantiles in milliseconds from the scheduled instant."""
    headings = ("class", "profile", "TTFT p50\nms", "p95\nms", "p99\nms", "TPOT p50\nms", "p95\nms",
                "E2E p50\nms", "p95\nms", "p99\nms", "send lag\np99 ms")  # fmt: skip
    asked = (("ttft", ("p50", "p95", "p99")), ("tpot", ("p50", "p95")), ("e2e", ("p50", "p95", "p99")),
             ("send_lag", ("p99",)))  # fmt: skip
    rows = [
        (
            *_names(part),
            *(words.milliseconds(part.latencies[m].level(q)) for m, levels in asked for q in levels),
        )
        for part in parts(summary)
    ]
    return Grid("Latency from the scheduled instant", headings, 2, tuple(rows))


def worker_grid(summary: Summary) -> Grid:
    """How much a live worker did: rates over the mean number of workers that serve the class."""
    headings = ("class", "profile", "live\nworkers", "done\nreq/s", "output\ntok/s", "items/s")
    rows = [
        (
            *_names(part),
            words.number(each.live, 1),
            words.rate(each.completed_rate),
            words.rate(each.output_tokens_rate),
            words.rate(each.items_rate),
        )
        for part in parts(summary)
        if (each := part.per_worker)
    ]
    return Grid("Per live worker, in the measurement window", headings, 2, tuple(rows))


def _names(part: Part) -> tuple[str, str]:
    if part.traffic_class is None:
        return "all", ""
    return part.traffic_class, part.profile or "all"


def rates_grid(rows: Sequence[RateRow]) -> Grid:
    """The latency-throughput table of a sweep."""
    headings = ("rate\nasked", "offered\nreq/s", "done\nreq/s", "output\ntok/s", "TTFT p50\nms", "p95\nms",
                "TPOT p50\nms", "E2E p50\nms", "p95\nms", "SLO met\n%", "errors\n%", "generator")  # fmt: skip
    cells = [
        (
            words.rate(row.asked_rate_per_s),
            words.rate(row.offered_rate),
            words.rate(row.completed_rate),
            words.rate(row.output_tokens_rate),
            *(
                words.milliseconds(x)
                for x in (row.ttft_p50, row.ttft_p95, row.tpot_p50, row.e2e_p50, row.e2e_p95)
            ),
            words.share(row.attainment),
            words.share(row.error_rate),
            row.judgement,
        )
        for row in rows
    ]
    return Grid("Latency against rate", headings, 0, tuple(cells))


def render_summary(summary: Summary, misses: Iterable[Miss] = ()) -> RenderableType:
    """Two tables and a few lines, for a rich Console of 100 columns or more."""
    return Group(
        _lines(head(summary)),
        Text(),
        table(traffic_grid(summary)),
        Text(),
        table(latency_grid(summary)),
        *map(Text, _legend(summary)),
        Text(),
        _lines(facts(summary, misses)),
    )


def render_sweep(rows: Sequence[RateRow]) -> RenderableType:
    """The table of a sweep."""
    return Group(table(rates_grid(rows)), Text(_LEGEND))


_LEGEND = "- : undefined, or fewer than ten requests lie beyond that quantile"


def _legend(summary: Summary) -> list[str]:
    endless = any(words.BEYOND in row for row in latency_grid(summary).rows)
    return [_LEGEND, *([f"{words.BEYOND} : that share of requests never ended"] if endless else [])]


def table(grid: Grid) -> Table:
    """A grid as rich shows it."""
    table = Table(title=grid.title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for number, heading in enumerate(grid.headings):
        if number < grid.names:
            table.add_column(heading, overflow="fold", vertical="top")
        else:
            table.add_column(heading, justify="right", no_wrap=True, min_width=_width(grid, number))
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _width(grid: Grid, number: int) -> int:
    """What the column needs: rich may then only narrow the names."""
    lines = [*grid.headings[number].split("\n"), *(row[number] for row in grid.rows)]
    return max(map(len, lines))


def _lines(labelled: Iterable[Fact]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, sentence in grouped(labelled):
        grid.add_row(Text(label), Text(sentence))
    return grid

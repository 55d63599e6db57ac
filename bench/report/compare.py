"""Two runs side by side in the terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.compare import Comparison, Estimate
from bench.report import words
from bench.report.table import Grid, table


def render_comparison(found: Comparison) -> RenderableType:
    """Which is which, latencies with intervals, rates, and what stands in the way; no verdict."""
    first, second = (summary.run for summary in found.summaries)
    why = sorted({one.why_not for row in found.latencies for one in (row.first, row.second) if one.why_not})
    lines = [f"interval withheld: {reason}" for reason in why]
    lines += [f"doubt: {doubt}" for doubt in found.doubts]
    lines.append(
        "no verdict: one run of each shows nothing of the noise between runs, which decides whether a "
        "difference means anything; `bench ab` makes pairs, and `bench gate` judges them"
    )
    return Group(
        Text(f"first   {first.scenario} in {first.folder}, {first.target_url}"),
        Text(f"second  {second.scenario} in {second.folder}, {second.target_url}"),
        Text(),
        table(latency_grid(found)),
        Text(),
        table(rate_grid(found)),
        Text(),
        *map(Text, lines),
    )


def latency_grid(found: Comparison) -> Grid:
    """One row a quantile."""
    headings = (
        "metric",
        "first\nms",
        "95% interval\nms",
        "second\nms",
        "95% interval\nms",
        "second /\nfirst",
    )
    rows = [
        (
            f"{row.metric.upper()} {row.quantile}",
            words.milliseconds(row.first.level),
            _interval(row.first),
            words.milliseconds(row.second.level),
            _interval(row.second),
            words.NOTHING if row.ratio is None else f"{row.ratio:.3f}",
        )
        for row in found.latencies
    ]
    return Grid("Latency from the scheduled instant", headings, 1, tuple(rows))


def rate_grid(found: Comparison) -> Grid:
    """Rates per second, and shares in percent."""
    shares = {"attainment", "error_rate"}
    rows = [
        (
            row.metric.replace("_", " "),
            *(_said(value, row.metric in shares) for value in (row.first, row.second)),
        )
        for row in found.rates
    ]
    return Grid("Rates in the measurement window", ("", "first", "second"), 1, tuple(rows))


def _said(value: float | None, share: bool) -> str:
    return words.percent(value) if share else words.rate(value)


def _interval(one: Estimate) -> str:
    if one.interval is None or not one.level.printable:
        return words.NOTHING
    return f"{one.interval.low * 1e3:.1f} to {one.interval.high * 1e3:.1f}"

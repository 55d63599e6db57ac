"""Two sides, a run or several, beside each other in the terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.compare import Comparison, Estimate, Side
from bench.report import words
from bench.report.table import Grid, table


def render_comparison(found: Comparison) -> RenderableType:
    """Which is which, latencies with intervals, rates, and what stands in the way; no verdict."""
    why = sorted({one.why_not for row in found.latencies for one in (row.first, row.second) if one.why_not})
    several = any(len(side.runs) > 1 for side in found.sides)
    lines = [_SEVERAL] if several else []
    lines += [f"interval withheld: {reason}" for reason in why]
    lines += [f"doubt: {doubt}" for doubt in found.doubts]
    lines.append(_NO_VERDICT if several else _NO_VERDICT_OF_ONE)
    return Group(
        Text(f"first   {_named(found.sides[0])}"),
        Text(f"second  {_named(found.sides[1])}"),
        *(
            Text(f"{name}: {told}")
            for name, side in zip(("first", "second"), found.sides, strict=True)
            for told in _simulated(side)
        ),
        Text(),
        table(latency_grid(found)),
        Text(),
        table(rate_grid(found)),
        Text(),
        *map(Text, lines),
    )


_SEVERAL = (
    "several runs: requests pooled for a quantile, its interval from the spread between the runs "
    "(approximate above 70% of the confirmed rate); rates are means over the runs"
)
_NO_VERDICT = "no verdict: `bench ab` makes pairs, and `bench gate` judges them"
_NO_VERDICT_OF_ONE = (
    "no verdict: one run of each shows nothing of the noise between runs, which decides whether a difference "
    "means anything; `bench ab` makes pairs, and `bench gate` judges them"
)


def _named(side: Side) -> str:
    run, more = side.summaries[0].run, len(side.runs) - 1
    return f"{run.scenario} in {run.folder}{f' and {more} more' if more else ''}, {run.target_url}"


def _simulated(side: Side) -> list[str]:
    """What of it is not real, each once."""
    return list(dict.fromkeys(filter(None, map(words.simulated, side.summaries))))


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

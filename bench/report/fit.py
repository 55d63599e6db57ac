"""What a fit found, for the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.record import Fit, FittedKey
from bench.report.table import Grid, table

_METRICS = {"ttft_sent": "TTFT", "tpot": "TPOT", "e2e_sent": "whole reply"}


def render_fit(found: Fit, file: Path) -> RenderableType:
    """The keys, the errors of the predictions, and what to do with the file."""
    return Group(
        Text(),
        table(_keys(found)),
        *(
            Text(f"not told by the runs: {key.name}: {key.sentence}")
            for key in found.keys
            if key.state == "untold"
        ),
        Text(),
        table(_predictions(found)),
        Text(),
        *map(Text, _lines(found, file)),
    )


def _keys(found: Fit) -> Grid:
    rows = tuple((key.name, key.state, f"{key.start:g}", f"{key.value:g}", _error(key)) for key in found.keys)
    title = f"{found.profile} from {found.requests:,} requests of {len(found.runs)} runs"
    return Grid(title, ("key", "state", "before", "after", "std. error\n%"), 2, rows)


def _error(key: FittedKey) -> str:
    return f"{100 * key.error:.1f}" if key.state == "fitted" and key.error is not None else "-"


def _predictions(found: Fit) -> Grid:
    headings = (
        "run",
        "",
        "model",
        "metric",
        "req/s",
        "requests",
        "measured\np50 ms",
        "model\np50 ms",
        "error\n%",
    )
    rows = tuple(
        (
            Path(one.run).name,
            "checked" if one.checked else "fitted",
            one.model,
            _METRICS[one.metric],
            f"{one.rate_per_s:.3g}",
            f"{one.requests:,}",
            f"{1e3 * one.measured_p50_s:.4g}",
            f"{1e3 * one.modelled_p50_s:.4g}",
            f"{100 * one.error:+.1f}",
        )
        for one in found.predictions
    )
    return Grid("The same requests in the model", headings, 4, rows)


def _lines(found: Fit, file: Path) -> Iterator[str]:
    yield from (f"note: {note}" for note in found.notes)
    if found.misfit > 1:
        yield (
            f"the model fits {found.misfit:.1f} times worse than it should, by which the errors are widened: "
            "something in these runs is not in it (docs/fit.md)"
        )
    if not any(one.checked for one in found.predictions):
        yield "these errors are of the runs that were fitted: --check RUN predicts one that was not"
    yield f"{file} and {file.with_suffix('.json')}"
    yield f"try it: bench sim --profile-file {file} --fleet {found.name}=1"

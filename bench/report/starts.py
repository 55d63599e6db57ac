"""Cold starts: in the terminal, as provision.json, and as a page."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze import ColdStart, LaneStarts, Middle, Refused, StartsReport
from bench.record import replace
from bench.report import words
from bench.report.table import Grid, table

FILE = "provision.json"


def write_starts(folder: Path, report: StartsReport) -> Path:
    """Leave provision.json in the experiment's folder."""
    replace(folder / FILE, report.to_json())
    return folder / FILE


def cold_start_lines(good: Iterable[ColdStart], bad: Iterable[Refused]) -> Iterator[str]:
    """What one run showed, lane by lane."""
    yield from (f"{one.folder}: {words.provisioning(one.start)}" for one in good)
    yield from map(words.refused, bad)


def render_starts(report: StartsReport) -> RenderableType:
    """A table of the lanes, a sentence for each, and what was no evidence; in 100 columns."""
    simulated = [words.no_gpu(report.simulation)] if report.simulated else []
    return Group(
        *map(Text, [f"{report.made} of {report.planned} runs made", *simulated]),
        Text(),
        table(starts_grid(report)),
        Text(LEGEND),
        Text(),
        *(Text(words.starts(lane)) for lane in report.lanes),
        *(Text(words.refused(one)) for one in report.refused),
    )


LEGEND = (
    "seconds since the first refusal; a median lies between two ends, as each start does; `p75 <=`: no "
    "more than that, with 95% confidence (- : too few starts to say)"
)


def starts_grid(report: StartsReport) -> Grid:
    """One row a lane."""
    headings = ("profile", "model", "starts", "still\ncold", "registered\nmedian", "model loaded\nmedian",
                "first answer\nmedian", "longest\ns", "p75 <=\ns", "p90 <=\ns")  # fmt: skip
    rows = [
        (
            lane.profile or "any",
            " / ".join(filter(None, (lane.pool, lane.model))),
            str(lane.count),
            str(lane.still_cold),
            *(_ends(stage) for stage in (lane.registered, lane.loaded, lane.median)),
            *(_seconds(value) for value in (lane.longest_s, lane.bounds["p75"], lane.bounds["p90"])),
        )
        for lane in report.lanes
    ]
    return Grid("Starts from cold", headings, 2, tuple(rows))


def each_grid(lane: LaneStarts) -> Grid:
    """One row a start."""
    headings = ("run", "refusals", "registered\nby s", "model loaded\nby s", "last refusal\ns",
                "first answer\ns", "seen cold\nbefore, s")  # fmt: skip
    rows = [
        (
            one.folder,
            words.number(one.start.refusals),
            *(
                _seconds(stage.high_s if stage else None)
                for stage in (one.start.registered, one.start.loaded)
            ),
            _seconds(one.start.delay_low_s),
            "still cold" if one.start.still_cold else _seconds(one.start.delay_high_s),
            _seconds(one.cold_for_s),
        )
        for one in lane.starts
    ]
    return Grid(words.lane(lane), headings, 1, tuple(rows))


def _ends(stage: Middle | None) -> str:
    if stage is None:
        return words.NOTHING
    return f"{stage.low_s:.1f}-{stage.high_s:.1f}" if stage.high_s is not None else f"> {stage.low_s:.1f}"


def _seconds(value: float | None) -> str:
    return words.number(value, 1)

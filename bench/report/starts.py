"""Starts, from cold and under load: in the terminal, as provision.json, and as a page."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze import ColdStart, LaneStarts, Middle, Refused, StartsReport
from bench.record import replace
from bench.report import words
from bench.report.start_words import start_words
from bench.report.table import Grid, table

FILE = "provision.json"


def write_starts(folder: Path, report: StartsReport) -> Path:
    """Leave provision.json in the experiment's folder."""
    replace(folder / FILE, report.to_json())
    return folder / FILE


def start_lines(good: Iterable[ColdStart], bad: Iterable[Refused], from_workers: int = 0) -> Iterator[str]:
    """What one run showed, lane by lane."""
    yield from (words.start(one, from_workers) for one in good)
    yield from (words.refused(one, from_workers) for one in bad)


def render_starts(report: StartsReport) -> RenderableType:
    """A table of the lanes, a sentence for each, and what was no evidence; in 100 columns."""
    simulated = [words.no_gpu(report.simulation)] if report.simulated else []
    return Group(
        *map(Text, [f"{report.made} of {report.planned} runs made", *simulated]),
        Text(),
        table(starts_grid(report)),
        Text(legend(report)),
        Text(),
        *(Text(words.starts(lane)) for lane in report.lanes),
        *(Text(words.refused(one, report.from_workers)) for one in report.refused),
    )


def legend(report: StartsReport) -> str:
    """How to read the table."""
    return (
        f"seconds since {start_words(report.from_workers).since}; a median lies between two ends, as each "
        "start does; `p75 <=`: no more than that, with 95% confidence (- : too few starts to say)"
    )


def starts_grid(report: StartsReport) -> Grid:
    """One row a lane; of a scale-out the loaded model is the end, as nobody tells which worker answers."""
    said = start_words(report.from_workers)
    ends = (
        ("model loaded\nmedian",) if report.from_workers else ("model loaded\nmedian", "first answer\nmedian")
    )
    headings = ("profile", "model", "starts", said.unended_heading, "registered\nmedian", *ends,
                "longest\ns", "p75 <=\ns", "p90 <=\ns")  # fmt: skip
    rows = [
        (
            lane.profile or "any",
            " / ".join(filter(None, (lane.pool, lane.model))),
            str(lane.count),
            str(lane.still_cold),
            *map(_ends, _told(lane)),
            *(_seconds(value) for value in (lane.longest_s, lane.bounds["p75"], lane.bounds["p90"])),
        )
        for lane in report.lanes
    ]
    return Grid(said.kind.capitalize(), headings, 2, tuple(rows))


def _told(lane: LaneStarts) -> tuple[Middle | None, ...]:
    """The medians of a lane; that over all starts last, with those that had not ended in it."""
    known = (lane.registered,) if lane.from_workers else (lane.registered, lane.loaded)
    return (*known, lane.median)


def each_grid(lane: LaneStarts) -> Grid:
    """One row a start."""
    said = start_words(lane.from_workers)
    stages = ("registered\nby s",) if lane.from_workers else ("registered\nby s", "model loaded\nby s")
    headings = ("run", "refusals", *stages, said.last_not_heading, said.first_yes_heading,
                said.before_heading)  # fmt: skip
    rows = [
        (
            one.folder,
            words.number(one.start.refusals),
            *(
                _seconds(stage.high_s if stage else None)
                for stage in (one.start.registered, one.start.loaded)[: len(stages)]
            ),
            _seconds(one.start.delay_low_s),
            said.unended if one.start.still_cold else _seconds(one.start.delay_high_s),
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

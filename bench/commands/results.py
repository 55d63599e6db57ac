"""`bench summary`, `report`, `export`, `salvage`: what can be had from a run folder, any time later."""

from pathlib import Path
from typing import Annotated

import typer

from bench.analyze import check, load, summarise
from bench.commands import options
from bench.commands.replay import conclude
from bench.record import Books, FolderError, Salvage, is_written, join
from bench.report import export_csv, export_summary_csv, render_summary, write_report


def summary(folder: options.FolderArgument = None, results: options.Results = options.RESULTS) -> None:
    """Print the table of a run, in 100 columns."""
    run = load(options.folder_of(folder, results))
    found = summarise(run)
    options.console.print(render_summary(found, check(found, run.scenario)))


def report(folder: options.FolderArgument = None, results: options.Results = options.RESULTS) -> None:
    """Make report.html of a run again."""
    options.console.print(write_report(options.folder_of(folder, results)), soft_wrap=True)


def export(
    folder: options.FolderArgument = None,
    results: options.Results = options.RESULTS,
    out: Annotated[
        Path | None, typer.Option(help="folder for the files; the run folder where left out")
    ] = None,
) -> None:
    """Write a run's requests and summary as CSV."""
    run = load(options.folder_of(folder, results))
    place = out or run.folder.path
    place.mkdir(parents=True, exist_ok=True)
    options.console.print(export_csv(run, place / "requests.csv"), soft_wrap=True)
    options.console.print(export_summary_csv(summarise(run), place / "summary.csv"), soft_wrap=True)


def salvage(folder: options.FolderArgument = None, results: options.Results = options.RESULTS) -> None:
    """Make the books and the report of a run whose process died, from its schedule and logs."""
    found = options.folder_of(folder, results)
    info = found.info()
    if any(map(is_written, found.log_files())):
        raise FolderError(f"{found.path} is still being written: its run goes on")
    books, doubts = join(found, info.processes)
    if info.state in {"complete", "interrupted"}:
        options.console.print(f"{found.path} needs no salvage: its run ended as it should", soft_wrap=True)
        found.save(info.model_copy(update={"books": books}))
    else:
        update = {"state": "salvaged", "books": books, "salvage": doubts}
        found.save(info.model_copy(update=update))
        for line in _salvaged(books, doubts):
            options.console.print(line, soft_wrap=True)
    conclude(found, options.console)


def _salvaged(books: Books, doubts: Salvage) -> list[str]:
    counts = books.outcomes
    said = f"{counts['unfinished']} of them unfinished, {counts['not_sent']} not sent"
    doubt = f"{doubts.maybe_sent} counted as not sent may have been sent, {doubts.maybe_ended} counted as"
    torn = f"{doubts.torn_entries} torn log entries were dropped"
    return [
        f"salvaged: {books.scheduled} scheduled requests, {said}",
        f"uncertain: {doubt} unfinished may have ended; {torn}",
    ]

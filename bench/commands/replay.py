"""One run from scenario to report: what `run` does once, and a sweep does for each rate."""

import contextlib
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.analyze import Miss, check, load, summarise
from bench.commands.processes import LOST, Enough, ProcessError, drive, finishing_first, simulated_gateway
from bench.commands.progress import ProgressLine
from bench.record import FolderError, RunFolder, RunInfo, create_folder
from bench.report import render_summary, write_report, write_summary
from bench.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked of one run."""

    scenario: Scenario
    source: Path
    overrides: tuple[str, ...]
    labels: dict[str, str]
    web_port: int | None = None
    processes: int = 1
    drive_options: tuple[str, ...] = ()
    enough: Enough | None = None


def replay(request: Request, folder: RunFolder, console: Console) -> int:
    """Replay into an empty run folder; returns 0, 130 where it was interrupted, or 70 where it lost a worker.

    Where it ended before anything was sent, no folder stays behind. Raises FolderError if the drive would not
    start, ProcessError if it died.
    """
    shutil.copyfile(request.source, folder.scenario_file)
    console.print(f"{request.scenario.name} -> {folder.path}", highlight=False, soft_wrap=True)
    try:
        with _target(request.scenario) as scenario, ProgressLine(console) as progress:
            folder.save(info_of(request, scenario))
            code = drive(
                folder.path,
                progress,
                request.web_port,
                processes=request.processes,
                more=request.drive_options,
                enough=request.enough,
            )
    except ProcessError as error:
        if error.code == LOST and folder.info().books:
            return LOST
        if not folder.log_files():
            shutil.rmtree(folder.path)
            if error.code != 2:
                raise
            raise FolderError(str(error)) from None
        hint = f"what reached the disk can be saved: bench salvage {shlex.quote(str(folder.path))}"
        raise ProcessError(f"{error}; {hint}", 2 if error.code == 2 else 70) from None
    if not folder.log_files():
        shutil.rmtree(folder.path)
    return code


def conclude(folder: RunFolder, console: Console, *, report: bool = True) -> list[Miss]:
    """Summary, table and, unless not wanted, report of a run folder; returns the SLOs that were missed."""
    run = load(folder)
    summary = summarise(run)
    misses = check(summary, run.scenario)
    write_summary(folder, summary)
    console.print(render_summary(summary, misses))
    if report:
        show_report(lambda: write_report(folder), console)
    return misses


def show_report(make: Callable[[], Path], console: Console) -> None:
    """Make a page and print where it is; takes some seconds."""
    console.print("\nmaking the report ...", highlight=False)
    # In a thread, as nbclient would take the signals of the main one for itself.
    with finishing_first(), ThreadPoolExecutor(1) as thread:
        report = thread.submit(make).result()
        console.print(f"report: {report}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _target(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with a target URL: its own, or that of the embedded gateway."""
    if scenario.target.url is not None:
        yield scenario
        return
    with simulated_gateway(scenario.sim) as url:
        target = scenario.target.model_copy(update={"url": url})
        yield scenario.model_copy(update={"target": target})


def info_of(request: Request, scenario: Scenario) -> RunInfo:
    """What run.json says before the start."""
    return RunInfo(
        run_id=uuid.uuid4().hex,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=request.labels,
        overrides=request.overrides,
        scenario=scenario.model_dump(mode="json"),
        command=shlex.join(["bench", *sys.argv[1:]]),
    )


def new_folder(scenario: Scenario, results: Path, out: Path | None, what: str = "") -> RunFolder:
    """An empty folder named after instant, scenario and kind of target."""
    where = "sim" if scenario.target.url is None else scenario.target.kind
    return create_folder(results, f"{scenario.name}-{where}{what}", datetime.now(UTC), out)

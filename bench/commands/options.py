"""Options that several commands share, and what they mean."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.analyze import newest
from bench.record import RunFolder
from bench.scenario import Scenario, is_given, load


class UsageError(Exception):
    """A command line that makes no sense; one sentence, with the value and what to do."""


ScenarioFile = Annotated[Path, typer.Argument(help="scenario file, such as scenarios/mixed.yaml")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="change one key: arrivals.rate_per_s=20, classes.chat.weight=2"
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="URL", help="load this gateway instead of the embedded simulated one"),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="note on each run, build=abc123")
]
Out = Annotated[Path | None, typer.Option(help="folder to make; must not exist")]
PairSeed = Annotated[
    int, typer.Option("--seed", min=0, max=1_000_000, help="of the pairs' seeds and of their order")
]
Resume = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="go on with an experiment that was stopped")
]
Results = Annotated[
    Path, typer.Option("--results", help="folder in which run folders are made or looked for")
]
FolderArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FOLDER]", help="run folder; the newest one in --results where left out"),
]

RESULTS = Path("results")

# A pipe has no width of its own; the tables are made for 100 columns.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def overrides_of(overrides: list[str] | None, target: str | None) -> tuple[str, ...]:
    """All changes to the scenario, `--target` among them."""
    return (*(overrides or ()), *([f"target.url={target}"] if target is not None else ()))


def replayable(file: Path, changes: tuple[str, ...]) -> Scenario:
    """A scenario that holds its own requests. Raises ScenarioError; UsageError where it has none."""
    scenario = load(file, changes)
    if all(map(is_given, scenario.classes)):
        raise UsageError(
            f"{file} holds no requests of its own: tasks of a locustfile ask them; BENCH_SCENARIO={file} "
            "locust -f tasks.py runs it"
        )
    return scenario


def labels_of(labels: list[str] | None) -> dict[str, str]:
    """`--label key=value` as a mapping. Raises UsageError."""
    pairs = [label.partition("=") for label in labels or ()]
    for (key, equals, _), label in zip(pairs, labels or (), strict=True):
        if not equals or not re.fullmatch(r"[A-Za-z0-9._-]+", key):
            raise UsageError(f"--label {label}: say it as key=value, build=abc123")
    return {key: value for key, _, value in pairs}


def rates_of(text: str | None) -> list[float]:
    """`--rates 2,4,8` as numbers above 0. Raises UsageError."""
    try:
        rates = [float(word) for word in text.split(",")] if text is not None else []
    except ValueError:
        rates = [0.0]
    if any(not 0 < rate < float("inf") for rate in rates):
        raise UsageError(f"--rates {text}: say it as numbers above 0 with commas, 2,4,8,16")
    return rates


def check_processes(asked: int) -> None:
    """Raise UsageError for more processes than cores: they would take turns, and send late in between."""
    cores = len(os.sched_getaffinity(0))
    if asked > cores:
        raise UsageError(f"--processes {asked}: there are {cores} cores to run on; ask for {cores} at most")


def refuse_existing(*files: Path) -> None:
    """Raise UsageError for a file that would be written over, or that has no folder."""
    for file in files:
        if file.exists():
            raise UsageError(f"{file} exists, and is not written over; name another with --out")
        refuse_homeless(file)


def refuse_homeless(file: Path) -> None:
    """Raise UsageError for a file that would have no folder."""
    if not file.parent.is_dir():
        raise UsageError(f"{file.parent} is no folder; make it first")


def folder_of(given: Path | None, results: Path) -> RunFolder:
    """The run folder that was named, or the newest. Raises AnalysisError."""
    return RunFolder(given) if given is not None else newest(results)

"""`bench validate` and `bench schema`: is a scenario sound, and what may it say?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options
from bench.scenario import ScenarioError, json_schema, load
from bench.workload import LengthError, TraceError, make_schedule


def validate(
    scenarios: Annotated[list[Path], typer.Argument(help="scenario files")],
    overrides: options.Overrides = None,
) -> None:
    """Check scenarios, and the traces and length files they name; every fault is shown, exit 2 if any."""
    faulty = False
    for path in scenarios:
        try:
            schedule = make_schedule(load(path, tuple(overrides or ())))
        except (ScenarioError, TraceError, LengthError) as error:
            faulty = True
            typer.echo(str(error), err=True)
        else:
            what = f"{len(schedule)} requests" if schedule.is_open else "closed loop"
            options.console.print(f"{path}: sound; {what} of {len(schedule.scenario.classes)} classes")
    raise typer.Exit(2 if faulty else 0)


def schema() -> None:
    """Print the JSON Schema of scenario files, for editors and other tools."""
    typer.echo(json.dumps(json_schema(), indent=2))

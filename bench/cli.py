"""The `bench` command.

Exit codes: 0 done or PASS, 1 SLO missed or FAIL, 2 usage, bad input or a target that refuses,
3 INCONCLUSIVE, 4 INVALID, 70 internal error, 130 interrupted (the folder is complete).
"""

import signal
import sys
import traceback
from typing import Annotated

import typer

from bench import __version__
from bench.analyze import AnalysisError
from bench.analyze.gate import PolicyError
from bench.analyze.plan import PlanError
from bench.commands import (
    aa,
    ab,
    baseline,
    calibrate,
    capacity,
    check_scenario,
    fit,
    gate,
    plan,
    preview,
    profiles,
    provision,
    results,
    run,
    sim,
    simulate,
    trend,
)
from bench.commands.options import UsageError
from bench.commands.processes import ProcessError
from bench.experiment import ExperimentError
from bench.record import CalibrationError, FolderError
from bench.report import NotebookError
from bench.scenario import ScenarioError
from bench.virtual import VirtualError
from bench.workload import LengthError, TraceError

USER_ERRORS = (
    AnalysisError,
    CalibrationError,
    ExperimentError,
    FolderError,
    LengthError,
    PlanError,
    PolicyError,
    ScenarioError,
    TraceError,
    UsageError,
    VirtualError,
)

app = typer.Typer(
    name="bench",
    help="Load tests and benchmarks for GPU pools behind an inference gateway.\n\n"
    "Start with: bench run scenarios/mixed.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run.run)
app.command()(preview.preview)
app.command()(calibrate.calibrate)
app.command()(check_scenario.validate)
app.command()(check_scenario.schema)
app.command()(results.summary)
app.command()(results.report)
app.command()(results.export)
app.command()(results.salvage)
app.command()(ab.ab)
app.command()(aa.aa)
app.command()(gate.gate)
app.command()(provision.provision)
app.command()(gate.compare)
app.command()(trend.trend)
app.add_typer(baseline.app)
app.command()(capacity.capacity)
app.command()(profiles.profiles)
app.command()(plan.plan)
app.command()(fit.fit)
app.command(context_settings=sim.PASS_ON)(sim.sim)
app.command()(simulate.simulate)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"poolbench {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and exit with one of the codes above."""
    signal.signal(signal.SIGINT, _interrupted)
    if sys.platform != "linux":
        sys.exit(_fail("poolbench runs on Linux only: it measures with Linux's socket time stamps", 2))
    try:
        app()
    except USER_ERRORS as error:
        sys.exit(_fail(str(error), 2))
    except ProcessError as error:
        sys.exit(_fail(str(error), error.code if error.code in {2, 70} else 70))
    except NotebookError as error:
        sys.exit(_fail(str(error), 70))
    except Exception:  # noqa: BLE001 - the last resort: show it whole and say with the code that it is our fault
        traceback.print_exc()
        sys.exit(70)


def _interrupted(*_: object) -> None:
    sys.exit(130)


def _fail(message: str, code: int) -> int:
    print(f"bench: {message}" if "\n" not in message else message, file=sys.stderr)
    return code

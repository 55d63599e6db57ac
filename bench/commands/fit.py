"""`bench fit`: a machine profile from measured runs."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.analyze import load, summarise
from bench.commands import options
from bench.commands.processes import fitting
from bench.record import Fit, RunFolder
from bench.report import render_fit
from bench.virtual.fit.job import FitJob
from bench.virtual.fit.parameters import OVERHEADS, PARAMETERS, fitted_by_default

EVERY_LOOKS = 25
Parameter = Annotated[
    list[str] | None,
    typer.Option("--free", metavar="KEY", help=f"fit this too: {', '.join(OVERHEADS)}; may be repeated"),
]
Held = Annotated[
    list[str] | None,
    typer.Option("--hold", metavar="KEY", help="do not fit this one; may be repeated"),
]


def fit(
    runs: Annotated[list[Path], typer.Argument(help="run folders, the more different in load the better")],
    check: Annotated[
        list[Path] | None,
        typer.Option(
            "--check", metavar="RUN", help="keep this run out of the fit, and predict it; may be repeated"
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="machine profile to fit; needed where a run has several, or does not say who served"
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, max=64, help="workers that served; 0: as the gateway told, once a second")
    ] = 0,
    free: Parameter = None,
    hold: Held = None,
    profile_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="profiles and models of your own (docs/sim.md), from which to begin"
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="call the fitted profile so; the one fitted where left out")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="profile file to make; must not exist")] = Path(
        "fitted.yaml"
    ),
) -> None:
    """Fit the efficiencies of a machine profile to measured runs, and write a profile file.

    The model replays the requests of each run at the instants at which they were really sent, and the
    profile's efficiencies are turned until it takes as long as the machine did: least squares over TTFT by
    length of the prompt, TPOT by the number of answers under way, and the time of whole replies. Overheads
    are held at what the profile says, unless they are named with --free. A key that the runs cannot tell
    keeps its value and is named, with what would tell it.

    Good to fit from: two runs or more of different rates, none overloaded, streamed, at least 100 requests
    each, prompts of several lengths that share no beginning, and a fleet that stays as it is. Keep one run
    of another rate for --check: its errors are those of a prediction.

    The file goes to `bench sim --profile-file FILE`, or to `sim.profile_file` of a scenario; the JSON beside
    it has the fit's errors. docs/fit.md explains both.

    bench fit results/*-low results/*-high --check results/*-middle --out my-l4.yaml
    """
    if out.suffix not in {".yaml", ".yml"}:
        raise options.UsageError(f"--out {out}: call the profile file .yaml; its JSON will lie beside it")
    options.refuse_existing(out, out.with_suffix(".json"))
    job = FitJob(
        runs=tuple(runs),
        checks=tuple(check or ()),
        profile=profile,
        workers=workers,
        profile_file=profile_file,
        parameters=_parameters(free or [], hold or []),
        name=name,
        out=out,
        notes=tuple(note for run in (*runs, *(check or ())) for note in _doubts(run)),
    )
    listener = _Listener(options.console)
    fitting(job, listener)
    if listener.fit is not None:
        options.console.print(render_fit(listener.fit, out))


def _parameters(free: list[str], hold: list[str]) -> tuple[str, ...]:
    """The keys to fit. Raises UsageError for one that is none, or that is both wanted and not."""
    for key in (*free, *hold):
        if key not in PARAMETERS:
            raise options.UsageError(f"{key} cannot be fitted; what can: {', '.join(PARAMETERS)}")
    if both := set(free) & set(hold):
        raise options.UsageError(f"{min(both)} is to be fitted and to be held; say one of them")
    wanted = {*fitted_by_default(), *free} - set(hold)
    if not wanted:
        raise options.UsageError("every key is held, and nothing is left to fit")
    return tuple(key for key in PARAMETERS if key in wanted)


def _doubts(path: Path) -> list[str]:
    """A sentence where the generator's own numbers are in doubt. Raises UsageError where they are invalid."""
    verdict = summarise(load(RunFolder(path))).verdict
    if verdict.judgement == "invalid":
        raise options.UsageError(
            f"{path} is invalid, and nothing can be fitted to it: {'; '.join(verdict.reasons)}"
        )
    return [f"{path} is suspect: {'; '.join(verdict.reasons)}"] if verdict.judgement == "suspect" else []


class _Listener:
    """Shows that it goes on, and keeps the outcome."""

    def __init__(self, console: Console) -> None:
        self.fit: Fit | None = None
        self._console = console

    def __call__(self, line: dict[str, Any]) -> None:
        match line:
            case {"looks": int(looks)} if looks % EVERY_LOOKS == 0:
                self._console.print(
                    f"the runs were replayed {looks} times, of some 100 to 300", highlight=False
                )
            case {"fit": facts}:
                self.fit = Fit.model_validate(facts, strict=False)

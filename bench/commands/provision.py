"""`bench provision`: how long machine profiles take to start, from cold or beside workers under load."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from bench.analyze import assured, covered, judge_start, load_starts, summarise
from bench.analyze import load as load_run
from bench.commands import options
from bench.commands.making import longer, run_before, set_aside
from bench.commands.processes import ProcessError
from bench.commands.replay import Request, new_folder, replay, show_report
from bench.experiment import Job, aimed, cold_starts, run_all
from bench.report import (
    render_starts,
    start_lines,
    write_starts,
    write_starts_page,
    write_summary,
)
from bench.scenario import Scenario, load

WARM = 4
"""Exit code where a lane was not as it had to be: nothing was measured."""


def provision(
    scenario: options.ScenarioFile,
    profile: Annotated[
        list[str], typer.Option("--profile", help="machine profile to start; may be repeated")
    ],
    repeat: Annotated[
        int, typer.Option(min=1, max=1000, help="starts of each profile; 10 cover p74, 20 p86, 59 p95")
    ] = 10,
    from_workers: Annotated[
        int,
        typer.Option(
            "--from",
            min=0,
            max=1000,
            metavar="N",
            help="workers that a lane has before: 0 is from cold; with 1 or more the traffic is a load "
            "beyond them, and a start is one worker more",
        ),
    ] = 0,
    target: options.Target = None,
    overrides: options.Overrides = None,
    label: options.Labels = None,
    wait_cold: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="S",
            help="wait so long for a lane to lose its workers (its cooldown), or all but N",
        ),
    ] = 1800.0,
    cold_for: Annotated[
        float,
        typer.Option(min=0, metavar="S", help="and go on for so long, as a machine outlives its worker"),
    ] = 0.0,
    before_start: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="run before each start, to scale the lane of $BENCH_PROFILE down"
        ),
    ] = None,
    probe_every: Annotated[
        float, typer.Option(min=0.05, max=60, metavar="S", help="a small request to each lane so often")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="of the embedded gateway's starts")] = 1,
    resume: options.Resume = None,
    out: options.Out = None,
    results: options.Results = options.RESULTS,
) -> None:
    """Measure how long lanes take to start: from cold, or one worker more under load (--from 1).

    Each start is a run. From cold it waits until the lane has no worker, sends the scenario's traffic and a
    prober, and the start lies between the last refusal and the first success. With --from N it waits until
    the lane has N workers with the model, sends a load that is beyond them, and the start lies between the
    last look at the gateway's /health without a further worker and the first with one.
    A run ends when all lanes have started, or with the scenario: let duration_s be longer than the longest
    start. Exit codes: 0 done, 4 a lane was not cold, or had not N workers (go on with --resume), 130
    interrupted. How to make a lane so stands in docs/provisioning.md.

    bench provision scenarios/cold-start.yaml --profile l4 --repeat 10

    bench provision scenarios/scale-out.yaml --profile l4 --repeat 10 --from 1
    """
    changes = options.overrides_of(overrides, target)
    loaded = options.replayable(scenario, changes)
    _refuse_in_vain(loaded, profile, from_workers)
    planned = cold_starts(list(dict.fromkeys(profile)), repeat, seed, changes, from_workers)
    folder = resume or new_folder(loaded, results, out, "-provision").path
    experiment = longer(folder, planned) if resume else planned
    waiting = ("--wait-cold", str(wait_cold), "--cold-for", str(cold_for))
    until = ("--until-started", "--lane-workers", str(from_workers))
    request = Request(loaded, scenario, changes, options.labels_of(label), drive_options=waiting + until)
    options.console.print(_announcement(loaded, profile, repeat, from_workers), soft_wrap=True)
    starts = _Starts(request, folder, before_start, probe_every, from_workers)
    done = run_all(folder, experiment, starts.make)
    if any(job.done for job in done.runs):
        _conclude(folder)
    raise typer.Exit(starts.code)


def _announcement(scenario: Scenario, profiles: list[str], repeat: int, from_workers: int) -> str:
    """Before the first start: how many, how long at most, and how far they will go."""
    longest_s = scenario.duration_s + scenario.drain_s
    covers = covered(float(assured(repeat, repeat)[-1]))
    lane = f"lane with no more than {from_workers} of its workers" if from_workers else "cold lane"
    return (
        f"{repeat} starts of {', '.join(profiles)}, each of {longest_s:g} s at most after the wait for a "
        f"{lane}; the longest of them will cover {covers} with 95% confidence"
    )


def _refuse_in_vain(scenario: Scenario, profiles: list[str], from_workers: int) -> None:
    if scenario.target.kind != "sie":
        raise options.UsageError(
            f"target.kind {scenario.target.kind} tells of no workers: starts are seen at a gateway"
        )
    if scenario.arrivals is None and not from_workers:
        raise options.UsageError(
            f"{scenario.name} is a closed loop, whose users say nothing while they wait: give it arrivals"
        )
    if scenario.target.url is None and (odd := [name for name in profiles if ":" in name or "/" in name]):
        raise options.UsageError(f"--profile {odd[0]}: the embedded gateway has no such profile")


@dataclass(slots=True)
class _Starts:
    """Makes one start after the other; `code` is the exit code so far."""

    request: Request
    folder: Path
    before_start: str | None
    probe_every_s: float
    from_workers: int
    code: int = 0

    def make(self, job: Job, path: Path) -> bool:
        """One run; whether it is whole and its lanes were as they had to be."""
        profile = str(job.profile)
        set_aside(path)
        run_before("--before-start", self.before_start, job, BENCH_PROFILE=profile, BENCH_START=job.folder)
        scenario = load(self.request.source, job.overrides)
        scenario = aimed(scenario, profile, self.probe_every_s, self.from_workers)
        mine = replace(self.request, scenario=scenario, overrides=job.overrides)
        made = new_folder(scenario, self.folder, path)
        try:
            self.code = replay(mine, made, options.console)
        except ProcessError as error:
            if error.code != WARM:
                raise
            self.code = self._say_warm([f"{job.folder}: {error}"])
        if self.code:
            return False
        run = load_run(made)
        write_summary(made, summarise(run))
        good, bad = judge_start(run, self.from_workers)
        for line in start_lines(good, bad, self.from_workers):
            options.console.print(line, soft_wrap=True)
        if bad:
            self.code = self._say_warm([])
        return not bad

    def _say_warm(self, lines: list[str]) -> int:
        for line in lines:
            options.console.print(line, style="red", soft_wrap=True)
        what = (
            f"a lane that did not have {self.from_workers} until one more came shows no scale-out: mend it"
            if self.from_workers
            else "a lane that is not cold shows no start: make it cold"
        )
        options.console.print(f"{what} and go on with --resume {self.folder}", soft_wrap=True)
        return WARM


def _conclude(folder: Path) -> None:
    """What the finished starts say: table, provision.json, report.html."""
    report = load_starts(folder)
    options.console.print(render_starts(report))
    options.console.print(str(write_starts(folder, report)), soft_wrap=True)
    show_report(lambda: write_starts_page(folder), options.console)

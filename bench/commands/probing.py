"""One run of a search or of a comparison: over sockets, or in virtual time; and what it showed."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bench.analyze import Part, Summary, kept, load, replicas, summarise
from bench.commands import options
from bench.commands.making import set_aside
from bench.commands.replay import Request, info_of, new_folder, replay
from bench.commands.watching import Watch
from bench.experiment import Made, Probe, far_below, overrides_for
from bench.record import RunFolder
from bench.report import write_summary
from bench.scenario import Scenario
from bench.scenario import load as load_scenario
from bench.virtual import write_run

BURST_WARMUP_S, BURST_S = 5.0, 20.0


class Stopped(Exception):  # noqa: N818 - an interrupt, no error
    """The run was interrupted; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"stopped with code {code}")
        self.code = code


def run_whole(request: Request, folder: RunFolder, *, virtual: bool, watch: Watch | None = None) -> Summary:
    """One run with its summary, over sockets or in virtual time.

    Raises Stopped where it was interrupted, unless it was `watch` that had seen enough.
    """
    if virtual:
        shutil.copyfile(request.source, folder.scenario_file)
        write_run(folder, info_of(request, request.scenario))
    else:
        code = replay(request, folder, options.console)
        if code and not (watch and watch.gave_up and not watch.interrupted):
            raise Stopped(code)
    summary = summarise(load(folder))
    write_summary(folder, summary)
    return summary


@dataclass(frozen=True, slots=True)
class Prober:
    """Makes the runs of one profile inside an experiment's folder."""

    request: Request
    profile: str
    target: float
    replicas: int
    burst_users: int
    virtual: bool

    def run(self, probe: Probe, folder: Path) -> Made:
        """Make the run and say what it showed. Raises Stopped where it was interrupted."""
        set_aside(folder)
        changes = (*self.request.overrides, *self._own(), *overrides_for(probe, self._burst()))
        scenario = load_scenario(self.request.source, changes)
        request = Request(scenario, self.request.source, changes, self.request.labels)
        if (
            not self.virtual
            and probe.rate_per_s is not None
            and (run := self._watched(probe, request, folder))
        ):
            return run
        made = new_folder(scenario, folder.parent, folder)
        return self._made(probe, folder.name, scenario, run_whole(request, made, virtual=self.virtual))

    def _watched(self, probe: Probe, request: Request, folder: Path) -> Made | None:
        """Make the run over sockets; None where it was cut short and may yet hold, and is set aside."""
        scenario = request.scenario
        watch = Watch(scenario.warmup_s, scenario.duration_s)
        made = new_folder(scenario, folder.parent, folder)
        summary = run_whole(replace(request, enough=watch), made, virtual=False, watch=watch)
        run = self._made(probe, folder.name, scenario, summary)
        if not watch.gave_up:
            return run
        if far_below(run, self.target):
            return run.model_copy(update={"what": f"{run.what}, cut short as hopeless"})
        options.console.print(f"  cut short with {run.what}, which decides nothing: once more, to its end")
        set_aside(folder)
        return None

    def _own(self) -> tuple[str, ...]:
        """All traffic to this profile, and a simulated fleet of nothing else."""
        profiles = (f"classes.{t.name}.profiles=[{self.profile}]" for t in self.request.scenario.classes)
        return (*profiles, f"sim.fleet={self.profile}={self.replicas}")

    def _burst(self) -> dict[str, str]:
        users = self.burst_users * self.replicas
        return {
            "closed_loop": f"{{users: {users}, think_time_s: 0}}",
            "duration_s": f"{BURST_WARMUP_S + BURST_S:g}",
            "warmup_s": f"{BURST_WARMUP_S:g}",
        }

    def _made(self, probe: Probe, folder: str, scenario: Scenario, summary: Summary) -> Made:
        found = kept(summary, scenario, self.target)
        ceiling = probe.rate_per_s is None
        throughput = summary.overall.completed_rate or 0.0
        return Made(
            stage=probe.stage,
            rate_per_s=throughput if probe.rate_per_s is None else probe.rate_per_s,
            seed=probe.seed,
            attainment=found.attainment if found else 0.0,
            offered=found.offered if found else 0,
            valid=ceiling or (found is not None and summary.verdict.judgement != "invalid"),
            folder=folder,
            simulated=summary.run.simulated,
            virtual=summary.run.virtual,
            workers=replicas(summary, scenario, self.profile),
            what=found.what if found else "nothing was offered",
            out_tokens=_tokens_a_request(summary.overall),
        )


def _tokens_a_request(part: Part) -> float | None:
    """Mean output tokens of an answered request, those that generate nothing among them."""
    if not part.completed_rate or part.output_tokens_rate is None:
        return None
    return part.output_tokens_rate / part.completed_rate

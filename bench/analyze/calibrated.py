"""Is a load within what `bench calibrate` proved? By the calibration that the host had at the time."""

from dataclasses import dataclass

from bench.analyze.load import demand
from bench.analyze.run import Run
from bench.record import Calibration, Load, Machine, Step

STAMPED_SHARE = 0.99
"""A calibration is one of kernel stamps; it says nothing of a run with fewer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a load is proved safe, why or why not in a sentence, and what may help if not.

    `too_much`: less load would; `next_command`: this would.
    """

    trusted: bool
    sentence: str
    next_command: str | None = None
    too_much: bool = False


def doubts(calibration: Calibration | None, machine: Machine) -> str | None:
    """Why a calibration does not count for a machine; None where it does."""
    if calibration is None:
        return "the host was not calibrated, so no load is proved safe on it"
    then, now = calibration.machine.model_dump(), machine.model_dump()
    changed = [f"{name} {then[name]}, not {now[name]}" for name in then if then[name] != now[name]]
    if changed:
        return f"the calibration of {calibration.made} does not count: it was made with {'; '.join(changed)}"
    if not calibration.proved():
        return f"the calibration of {calibration.made} found no load that is safe"
    return None


def covering(calibration: Calibration, load: Load) -> Step | None:
    """The smallest proved step that had as much of everything at once; None where none had."""
    return next((step for step in calibration.proved() if step.held.covers(load)), None)


def place(calibration: Calibration | None, machine: Machine, load: Load, subject: str) -> Standing:
    """Where a load stands against a calibration; `subject` begins the sentence: `the peak of the run`."""
    doubt = doubts(calibration, machine)
    if calibration is None or doubt is not None:
        return Standing(False, doubt or "", "bench calibrate")
    step = covering(calibration, load)
    told = f"{subject} ({spell(load)})"
    if step is None:
        most = "; or ".join(spell(proved.held) for proved in _largest(calibration))
        more = "bench calibrate" if calibration.quick else None
        return Standing(False, f"{told} is above what `bench calibrate` proved: {most}", more, too_much=True)
    errors = f"ttft error p99 {step.ttft.p99_ms or 0:.3f} ms, gap error p99 {step.gap.p99_ms or 0:.3f} ms"
    return Standing(True, f"{told} is within {spell(step.held)}, proved on {calibration.made}: {errors}")


def standing_of(run: Run, kernel_stamp_share: float | None) -> Standing:
    """Where a run stands, by its own host's calibration and the most it demanded in any second."""
    if (kernel_stamp_share or 0.0) < STAMPED_SHARE:
        share = f"{kernel_stamp_share or 0.0:.1%}"
        return Standing(
            False, f"only {share} of the requests carry the kernel's stamps, which `bench calibrate` proves"
        )
    doubt = doubts(run.info.calibration, _machine(run))
    if doubt is not None:
        return Standing(False, doubt, "bench calibrate")
    return place(run.info.calibration, _machine(run), demand(run).peak(), "the peak of the run")


def spell(load: Load) -> str:
    """`256 streams, 7,680 events/s, 117 requests/s`."""
    return (
        f"{load.streams:,} streams, {load.events_per_s:,.0f} events/s, {load.requests_per_s:,.0f} requests/s"
    )


def _largest(calibration: Calibration) -> list[Step]:
    """Proved steps that no other proved step has more of everything of."""
    proved = calibration.proved()
    return [step for step in proved if not any(o.held.covers(step.held) for o in proved if o is not step)]


def _machine(run: Run) -> Machine:
    host, versions = run.info.host, run.info.versions
    return Machine(
        node=str(host.get("node")),
        cpu=host.get("cpu"),
        kernel=str(host.get("kernel")),
        python=str(versions.get("python")),
        poolbench=str(versions.get("poolbench")),
    )

"""Starts, one run each, aimed at one machine profile: from cold with a prober for each lane, or loaded."""

import re
from collections.abc import Iterator, Sequence

from bench.experiment.plan import Experiment, Job
from bench.scenario import FixedLength, Generation, Scenario, Sim, Traffic

PROBE_IN_TOKENS = 8
PROBE_OUT_TOKENS = 1

_ODD = re.compile(r"[^A-Za-z0-9._-]")


def cold_starts(
    profiles: Sequence[str], repeat: int, seed: int, overrides: tuple[str, ...] = (), from_workers: int = 0
) -> Experiment:
    """`repeat` starts of each profile, one profile after the other, so that the others can cool meanwhile.

    The first of a longer experiment are those of a shorter one. `overrides` are the user's; the embedded
    simulated gateway has another seed for each run, so that its starts differ.
    """
    jobs = [
        Job(
            folder=f"{re.sub(_ODD, '-', profile)}-{number}",
            overrides=(*overrides, f"sim.seed={seed + number * len(profiles) + place}"),
            profile=profile,
        )
        for number in range(1, repeat + 1)
        for place, profile in enumerate(profiles)
    ]
    return Experiment(kind="provision", from_workers=from_workers, runs=tuple(jobs))


def aimed(scenario: Scenario, profile: str, probe_every_s: float, from_workers: int = 0) -> Scenario:
    """The scenario with all its traffic on one profile, and a small request to each of its lanes every so
    many seconds beside it; lanes that have a class with `every_s` keep to that.

    With `from_workers` there is no such prober, as /health shows the start. The embedded gateway gets lanes
    of that profile only, those that its fleet has or one, all from so many workers; from more than none it
    has an autoscaler.
    """
    traffic = [one.model_copy(update={"profiles": (profile,)}) for one in scenario.classes]
    changes = {
        "classes": (*traffic, *(() if from_workers else _probes(traffic, probe_every_s))),
        "sim": scenario.sim.model_copy(update=_lanes(scenario.sim, profile, from_workers)),
    }
    return scenario.model_copy(update=changes)


def _lanes(sim: Sim, profile: str, least: int) -> dict[str, str | bool]:
    """A warm lane would show no start from cold, and one of another profile may answer for a cold one."""
    entries = [entry.strip().partition("=") for entry in sim.fleet.split(",")]
    mine = [(lane, size) for lane, _, size in entries if lane.split(":")[-1].split("/")[0] == profile]
    fleet = ",".join(f"{lane}={least}..{_most(size, least + 1)}" for lane, size in mine)
    return {
        "fleet": fleet or f"{profile}={least}..{least + 1}",
        "autoscale": sim.autoscale or least > 0,
    }


def _most(size: str, at_least: int) -> str:
    """The MAX of a lane, raised where no worker could come; what is no number, the gateway refuses."""
    most = size.split(".")[-1]
    return str(max(int(most), at_least)) if most.isdecimal() else most


def _probes(traffic: Sequence[Traffic], every_s: float) -> Iterator[Traffic]:
    probed = {(one.pool, one.model) for one in traffic if one.every_s}
    for one in traffic:
        if (one.pool, one.model) not in probed:
            probed.add((one.pool, one.model))
            yield _probe(one, every_s)


def _probe(one: Traffic, every_s: float) -> Traffic:
    changes = {
        "name": f"probe-{one.name}",
        "every_s": every_s,
        "input_tokens": FixedLength(tokens=PROBE_IN_TOKENS),
        "slo": None,
    }
    if isinstance(one, Generation):
        changes["output_tokens"] = FixedLength(tokens=PROBE_OUT_TOKENS)
    return one.model_copy(update=changes)

"""`bench plan --in-model SCENARIO`: the recommended plan once more, request by request in the model."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.analyze import kept, load, strictest, summarise
from bench.analyze.plan import Answer, Busy, Demand, InModel, busiest
from bench.commands import options
from bench.commands.replay import Request, info_of
from bench.experiment import overrides_for_plan, write_arrivals
from bench.record import RunFolder, create_folder
from bench.report import write_summary
from bench.scenario import Scenario
from bench.scenario import load as load_scenario
from bench.virtual import bundles_of, write_run

WARMUP_S = 300.0
SEED = 1
ARRIVALS = "in-model-arrivals.csv"
FOLDER = "in-model"


def modelled(file: Path) -> Scenario:
    """The scenario to play with. Raises UsageError where it has no SLO to keep."""
    loaded = options.replayable(file, ("target.url=null",))
    if strictest(loaded) is None:
        raise options.UsageError(
            f"{file}: no class has an SLO to keep in the model: slo: {{ttft_ms: 1000, attainment: 0.95}}"
        )
    return loaded


def play_best(
    file: Path, demand: Demand, answer: Answer, length_s: float, place: Path, tell: Callable[[str], None]
) -> InModel:
    """Play the busiest `length_s` of the demand against the best plan; leaves a run folder in `place`."""
    loaded = modelled(file)
    busy = busiest(demand, answer, length_s, WARMUP_S)
    lanes = _a_bundle_each(busy, len(bundles_of(loaded)))
    arrivals = (place / ARRIVALS).resolve()
    changes = overrides_for_plan(loaded, lanes, arrivals)
    write_arrivals(arrivals, busy, SEED)
    scenario = load_scenario(file, changes)
    folder = create_folder(place, FOLDER, datetime.now(UTC), place / FOLDER)
    shutil.copyfile(file, folder.scenario_file)

    def tick(now_s: float, ended: int, _: int | None) -> None:
        tell(f"in the model: {now_s:.0f} of {scenario.duration_s:g} virtual s, {ended:,} requests ended")

    write_run(folder, info_of(Request(scenario, file, changes, {}), scenario), tick, lanes.live)
    return _told(folder, scenario, busy)


def _a_bundle_each(busy: Busy, bundles: int) -> Busy:
    """A worker serves one bundle of models: each bundle has its part of the replicas, rounded up."""
    live = {
        name: tuple((at_s, math.ceil(count / bundles)) for at_s, count in changes)
        for name, changes in busy.live.items()
    }
    return replace(busy, live=live)


def _told(folder: RunFolder, scenario: Scenario, busy: Busy) -> InModel:
    summary = summarise(load(folder))
    write_summary(folder, summary)
    target = strictest(scenario) or 0.0
    found = kept(summary, scenario, target)
    counts = {name: [count for _, count in changes] for name, changes in busy.live.items()}
    return InModel(
        scenario=scenario.name,
        folder=folder.path.name,
        start_s=busy.start_s,
        length_s=busy.length_s,
        requests=summary.overall.window.scheduled,
        replicas={name: (min(of), max(of)) for name, of in counts.items()},
        attainment=found.attainment if found else None,
        target=target,
        what=found.what if found else "nothing was due",
        keeps_slo=found is not None and found.attainment >= target,
    )

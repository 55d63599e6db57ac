"""Observed requests once more, through the model: what it says that they would have taken."""

from collections.abc import Iterable, Mapping

import numpy as np

from bench.metrics import REQUEST_METRICS, Floats
from bench.sim.model import (
    DEFAULT_POOL,
    STEP_JITTER,
    Catalog,
    Chip,
    Chunk,
    Event,
    Finished,
    Fleet,
    ItemsDone,
    Lane,
    LaneSpec,
    Rules,
    Verdict,
)
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.observe import METRICS, Observed


class _Heard:
    """The instants of each job, as a client would hear of them."""

    def __init__(self, jobs: int) -> None:
        self.first_ns = np.full(jobs, np.nan)
        self.last_ns = np.full(jobs, np.nan)
        self.events = np.zeros(jobs)

    def hear(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, ItemsDone):
                self.last_ns[event.job_id] = event.at_ns
            elif isinstance(event, Chunk | Finished) and event.tokens:
                if not self.events[event.job_id]:
                    self.first_ns[event.job_id] = event.at_ns
                self.last_ns[event.job_id] = event.at_ns
                self.events[event.job_id] += 1


def replay(run: Observed, chip: Chip, catalog: Catalog, seed: int) -> Mapping[str, Floats]:
    """Seconds by metric, an element a job; `chip` is the run's profile with the parameters that are tried.

    The steps' jitter is that of the simulated gateway, as a measured run does not tell its own.
    Raises FitError where a job does not fit into the machine's memory at all.
    """
    mine = Catalog({**catalog.chips, run.profile: chip}, catalog.cards)
    lanes = [LaneSpec(Lane(DEFAULT_POOL, bundle, run.profile), n, n) for bundle, n in run.workers.items()]
    fleet = Fleet(lanes, Rules(step_jitter=STEP_JITTER), seed=seed, start_ns=run.at_ns[0], catalog=mine)
    heard = _Heard(len(run.jobs))
    for at_ns, job in zip(run.at_ns, run.jobs, strict=True):
        heard.hear(fleet.advance(at_ns))
        verdict = fleet.submit(at_ns, job)
        if verdict is not Verdict.LIVE:
            raise FitError(
                f"{run.name}: a request to {job.model} of {job.longest_tokens} tokens finds {verdict.value} "
                f"on {run.profile}, yet it was answered: other memory, or another card of the model?"
            )
    while (due_ns := fleet.next_ns()) is not None:
        heard.hear(fleet.advance(due_ns))
    return _seconds(run, heard)


def _seconds(run: Observed, heard: _Heard) -> Mapping[str, Floats]:
    columns = {
        "sent_ns": np.array(run.at_ns, np.float64),
        "first_token_ns": heard.first_ns,
        "last_token_ns": heard.last_ns,
        "end_ns": heard.last_ns,
        "out_tokens": np.array([job.max_new_tokens for job in run.jobs], np.float64),
        "events": heard.events,
    }
    return {name: REQUEST_METRICS[name].of(columns) for name in METRICS}

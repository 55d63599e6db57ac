"""Which runs, in which order; resumable. It is handed a function that makes one run."""

from bench.experiment.cold_starts import aimed, cold_starts
from bench.experiment.ladder import Ladder, Rung, rungs
from bench.experiment.pairs import pairs
from bench.experiment.plan import Experiment, ExperimentError, Job, rates, read, run_all

__all__ = [
    "Experiment",
    "ExperimentError",
    "Job",
    "Ladder",
    "Rung",
    "aimed",
    "cold_starts",
    "pairs",
    "rates",
    "read",
    "run_all",
    "rungs",
]

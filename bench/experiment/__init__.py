"""Which runs, in which order; resumable. It is handed a function that makes one run."""

from bench.experiment.capacity import CapacitySearch, Made, overrides_for
from bench.experiment.cold_starts import aimed, cold_starts
from bench.experiment.ladder import Ladder, Rung, rungs
from bench.experiment.pairs import pairs
from bench.experiment.plan import Experiment, ExperimentError, Job, rates, read, run_all
from bench.experiment.profiles import Length, profile_runs
from bench.experiment.search import Found, Probe, Search, Tried

__all__ = [
    "CapacitySearch",
    "Experiment",
    "ExperimentError",
    "Found",
    "Job",
    "Ladder",
    "Length",
    "Made",
    "Probe",
    "Rung",
    "Search",
    "Tried",
    "aimed",
    "cold_starts",
    "overrides_for",
    "pairs",
    "profile_runs",
    "rates",
    "read",
    "run_all",
    "rungs",
]

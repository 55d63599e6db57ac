"""Which runs, in which order; resumable. It is handed a function that makes one run."""

from bench.experiment.answers import capacities_of, ends_of, report_of, workers_of
from bench.experiment.capacity import CapacitySearch, Made, overrides_for
from bench.experiment.cold_starts import aimed, cold_starts
from bench.experiment.ladder import Ladder, Rung, rungs
from bench.experiment.modelled import overrides_for_plan, write_arrivals
from bench.experiment.pairs import pairs
from bench.experiment.plan import Experiment, ExperimentError, Job, rates, read, run_all
from bench.experiment.profiles import Length, profile_runs
from bench.experiment.search import MOST_RUNS, Found, Probe, Search, Tried, far_below

__all__ = [
    "MOST_RUNS",
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
    "capacities_of",
    "cold_starts",
    "ends_of",
    "far_below",
    "overrides_for",
    "overrides_for_plan",
    "pairs",
    "profile_runs",
    "rates",
    "read",
    "report_of",
    "run_all",
    "rungs",
    "workers_of",
    "write_arrivals",
]

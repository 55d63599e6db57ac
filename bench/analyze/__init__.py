"""Numbers with what they rest on: from a run folder to a Summary. Prints nothing, plots nothing."""

from bench.analyze.calibrated import Standing, covering, doubts, place, spell
from bench.analyze.calibration import DISTURBED_SHARE, LIMIT_MS, Asked, disturbed, errors_hold, judge_step
from bench.analyze.check import Miss, check
from bench.analyze.cold import Stage
from bench.analyze.cold_starts import (
    Assured,
    ColdStart,
    CurveStep,
    LaneStarts,
    Middle,
    Refused,
    StartsReport,
    judge_start,
    load_starts,
)
from bench.analyze.gaps import Gaps
from bench.analyze.hopeless import Count, hopeless
from bench.analyze.latency import LEVELS, Level, Spread
from bench.analyze.measure import measured
from bench.analyze.provisioning import Provisioning
from bench.analyze.retries import Retries
from bench.analyze.run import AnalysisError, Run, load, newest
from bench.analyze.searched import FILE as SEARCH_FILE
from bench.analyze.searched import (
    STEADY_S,
    CurvePoint,
    RunPoint,
    Searched,
    SearchReport,
    falling,
    load_search,
)
from bench.analyze.series import (
    Drift,
    bin_width_s,
    drift,
    ecdf,
    ecdfs,
    latency_points,
    outcomes_over_time,
    rates_over_time,
    workers_over_time,
)
from bench.analyze.slo import SloResult
from bench.analyze.summary import Lengths, Part, PerWorker, RunFacts, Summary, Tally, summarise
from bench.analyze.survival import assured, covered
from bench.analyze.sustained import Kept, kept, replicas, strictest
from bench.analyze.sweep import RateRow, compare_rates, load_sweep
from bench.analyze.validity import Check, faults
from bench.analyze.verdict import Generator, Verdict
from bench.analyze.window import Window, window_of

__all__ = [
    "DISTURBED_SHARE",
    "LEVELS",
    "LIMIT_MS",
    "SEARCH_FILE",
    "STEADY_S",
    "AnalysisError",
    "Asked",
    "Assured",
    "Check",
    "ColdStart",
    "Count",
    "CurvePoint",
    "CurveStep",
    "Drift",
    "Gaps",
    "Generator",
    "Kept",
    "LaneStarts",
    "Lengths",
    "Level",
    "Middle",
    "Miss",
    "Part",
    "PerWorker",
    "Provisioning",
    "RateRow",
    "Refused",
    "Retries",
    "Run",
    "RunFacts",
    "RunPoint",
    "SearchReport",
    "Searched",
    "SloResult",
    "Spread",
    "Stage",
    "Standing",
    "StartsReport",
    "Summary",
    "Tally",
    "Verdict",
    "Window",
    "assured",
    "bin_width_s",
    "check",
    "compare_rates",
    "covered",
    "covering",
    "disturbed",
    "doubts",
    "drift",
    "ecdf",
    "ecdfs",
    "errors_hold",
    "falling",
    "faults",
    "hopeless",
    "judge_start",
    "judge_step",
    "kept",
    "latency_points",
    "load",
    "load_search",
    "load_starts",
    "load_sweep",
    "measured",
    "newest",
    "outcomes_over_time",
    "place",
    "rates_over_time",
    "replicas",
    "spell",
    "strictest",
    "summarise",
    "window_of",
    "workers_over_time",
]

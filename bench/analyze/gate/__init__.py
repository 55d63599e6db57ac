"""The gate: pairs of runs of two builds -> PASS, FAIL, INCONCLUSIVE or INVALID, with reasons."""

from bench.analyze.gate.decide import gate, settled
from bench.analyze.gate.evidence import (
    LEVELS,
    SHOWN,
    Evidence,
    changes,
    load_evidence,
    normal_plot,
    read_gate,
    read_noise,
    shift,
    visible,
)
from bench.analyze.gate.load import ARM_LABEL, arms_in, declared, load_rows
from bench.analyze.gate.noise import NoiseOf, NoiseReport, noise
from bench.analyze.gate.policy import SHARES, Clause, Policy, PolicyError, Watched, load_policy
from bench.analyze.gate.power import level_of_each_look, smallest_shift
from bench.analyze.gate.refusals import load_of
from bench.analyze.gate.report import ClauseVerdict, GateReport, LeftOut, Look, MetricVerdict
from bench.analyze.gate.table import ARMS, Absent, Arm, RunRow, row_of, values_of

__all__ = [
    "ARMS",
    "ARM_LABEL",
    "LEVELS",
    "SHARES",
    "SHOWN",
    "Absent",
    "Arm",
    "Clause",
    "ClauseVerdict",
    "Evidence",
    "GateReport",
    "LeftOut",
    "Look",
    "MetricVerdict",
    "NoiseOf",
    "NoiseReport",
    "Policy",
    "PolicyError",
    "RunRow",
    "Watched",
    "arms_in",
    "changes",
    "declared",
    "gate",
    "level_of_each_look",
    "load_evidence",
    "load_of",
    "load_policy",
    "load_rows",
    "noise",
    "normal_plot",
    "read_gate",
    "read_noise",
    "row_of",
    "settled",
    "shift",
    "smallest_shift",
    "values_of",
    "visible",
]

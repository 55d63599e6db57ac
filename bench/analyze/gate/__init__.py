"""The gate: pairs of runs of two builds -> PASS, FAIL, INCONCLUSIVE or INVALID, with reasons."""

from bench.analyze.gate.decide import gate
from bench.analyze.gate.policy import Clause, Policy, PolicyError, Watched, load_policy
from bench.analyze.gate.report import ClauseVerdict, GateReport, LeftOut, Look, MetricVerdict
from bench.analyze.gate.table import ARMS, Absent, Arm, RunRow, row_of, values_of

__all__ = [
    "ARMS",
    "Absent",
    "Arm",
    "Clause",
    "ClauseVerdict",
    "GateReport",
    "LeftOut",
    "Look",
    "MetricVerdict",
    "Policy",
    "PolicyError",
    "RunRow",
    "Watched",
    "gate",
    "load_policy",
    "row_of",
    "values_of",
]

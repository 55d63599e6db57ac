"""Profiles against each other: at equal SLO, equal utilisation, equal rate and equal money."""

from bench.analyze.profiles.design import (
    CONDITIONS,
    MOST_LOAD,
    UTILISATION,
    Condition,
    Design,
    design_of,
)
from bench.analyze.profiles.limits import Reached, Scaled
from bench.analyze.profiles.make import Sources, compare, refuse_mixed, refuse_other_starts, report_profiles
from bench.analyze.profiles.money import Bought, Bracket, EqualSlo, Sustained, refuse_unpriced
from bench.analyze.profiles.pareto import Point, name_of
from bench.analyze.profiles.ratios import AMOUNTS, LATENCIES, Arms, RatioOf, ratios_of
from bench.analyze.profiles.report import Compared, LeftOutRun, ProfilesReport
from bench.analyze.profiles.rows import ProfileRun, load_profile_runs
from bench.analyze.profiles.searched import Searched, load_searches, scenario_of

__all__ = [
    "AMOUNTS",
    "CONDITIONS",
    "LATENCIES",
    "MOST_LOAD",
    "UTILISATION",
    "Arms",
    "Bought",
    "Bracket",
    "Compared",
    "Condition",
    "Design",
    "EqualSlo",
    "LeftOutRun",
    "Point",
    "ProfileRun",
    "ProfilesReport",
    "RatioOf",
    "Reached",
    "Scaled",
    "Searched",
    "Sources",
    "Sustained",
    "compare",
    "design_of",
    "load_profile_runs",
    "load_searches",
    "name_of",
    "ratios_of",
    "refuse_mixed",
    "refuse_other_starts",
    "refuse_unpriced",
    "report_profiles",
    "scenario_of",
]

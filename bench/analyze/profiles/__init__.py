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
from bench.analyze.profiles.make import Sources, compare, report_profiles
from bench.analyze.profiles.money import Bought, Bracket, EqualSlo, Sustained, money_of
from bench.analyze.profiles.pareto import Point, name_of
from bench.analyze.profiles.ratios import RatioOf, ratio_of
from bench.analyze.profiles.report import Compared, LeftOutRun, ProfilesReport
from bench.analyze.profiles.rows import ProfileRun, load_profile_runs
from bench.analyze.profiles.searched import Searched, load_searches, scenario_of

__all__ = [
    "CONDITIONS",
    "MOST_LOAD",
    "UTILISATION",
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
    "money_of",
    "name_of",
    "ratio_of",
    "report_profiles",
    "scenario_of",
]

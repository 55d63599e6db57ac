"""The planner: demand, what a replica sustains, and prices -> fleets, what they cost, how they fare."""

from bench.analyze.plan.answer import Answer, Asked, Change, Floor, InModel, Mix, Plan, ReplicasOf
from bench.analyze.plan.busiest import Busy, busiest, live_of
from bench.analyze.plan.capacity import FILE as CAPACITY_FILE
from bench.analyze.plan.capacity import Capacities, Capacity, Scaling, load_capacities
from bench.analyze.plan.demand import Demand, growth, of_trace, read_rates
from bench.analyze.plan.faults import PlanError
from bench.analyze.plan.make import make_plans
from bench.analyze.plan.prices import Price, Prices, load_prices
from bench.analyze.plan.replay import Replayed, replay
from bench.analyze.plan.settings import Settings

__all__ = [
    "CAPACITY_FILE",
    "Answer",
    "Asked",
    "Busy",
    "Capacities",
    "Capacity",
    "Change",
    "Demand",
    "Floor",
    "InModel",
    "Mix",
    "Plan",
    "PlanError",
    "Price",
    "Prices",
    "Replayed",
    "ReplicasOf",
    "Scaling",
    "Settings",
    "busiest",
    "growth",
    "live_of",
    "load_capacities",
    "load_prices",
    "make_plans",
    "of_trace",
    "read_rates",
    "replay",
]

"""Searches whose truth is known, led to their end, as `bench capacity` would report them."""

from bench.experiment import CapacitySearch, Made, Search
from bench.scenario import Scenario, load
from tests.conftest import ROOT
from tests.experiment.searches import System, led

CHECK: Scenario = load(ROOT / "scenarios" / "capacity-check.yaml")


def searched(systems: dict[str, System], *, replicas: int = 1, real: bool = False) -> CapacitySearch:
    """The runs of each profile, on so many live workers, simulated or as if of a real pool."""
    made = {
        name: tuple(
            Made(
                **tried.model_dump(),
                folder=f"{name}-{number:02d}-{tried.stage}",
                simulated=not real,
                virtual=not real,
                workers=replicas,
                what=f"chat {tried.attainment:.2%}",
                out_tokens=16.0,
            )
            for number, tried in enumerate(led(Search(), system)[1], start=1)
        )
        for name, system in systems.items()
    }
    return CapacitySearch(asked={}, attainment=0.95, first_seed=1, made=made)

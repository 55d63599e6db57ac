"""What a capacity search answers, of searches whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analyze import RunPoint, falling
from bench.experiment import capacities_of, report_of
from bench.experiment.search import Probe, Tried
from tests.experiment.reported import CHECK, searched
from tests.experiment.searches import curve


def test_rates_are_of_the_pool_and_of_a_replica() -> None:
    """The planner gets those of one replica, people both; both name what was refuted."""
    search = searched({"l4": curve(40.0)}, replicas=4)
    found = report_of(search, CHECK).profiles[0]
    capacities = capacities_of(search, CHECK)
    assert capacities is not None
    one = capacities.profiles["l4"]
    assert (found.outcome, found.replicas) == ("confirmed", 4)
    assert found.confirmed_per_s == pytest.approx(40, rel=0.1)
    assert one.rate_per_s == pytest.approx((found.confirmed_per_s or 0) / 4)
    assert one.refuted_per_s == pytest.approx((found.refuted_per_s or 0) / 4)
    assert [run.folder for run in found.runs] == [run.folder for run in search.made["l4"]]


def test_what_was_not_confirmed_is_told_and_not_planned_with() -> None:
    """A pool that misses its SLO at any rate: no capacity, and the sentence says so."""

    def hopeless(probe: Probe) -> Tried:
        return Tried(stage=probe.stage, rate_per_s=probe.rate_per_s or 40.0, seed=probe.seed, offered=100)

    search = searched({"l4": hopeless})
    assert capacities_of(search, CHECK) is None
    found = report_of(search, CHECK).profiles[0]
    assert (found.outcome, found.confirmed_per_s) == ("inconclusive", None)
    assert "misses the SLO" in found.sentence


def test_the_fit_crosses_the_target_near_the_true_rate() -> None:
    """Between the runs of a search on a curve whose rate is known."""
    found = report_of(searched({"l4": curve(40.0)}), CHECK).profiles[0]
    rates, shares = zip(*((p.rate_per_s, p.attainment) for p in found.fit), strict=True)
    crossing = np.interp(-0.95, -np.array(shares), rates)
    assert crossing == pytest.approx(40, rel=0.05)


RUNS = st.lists(
    st.tuples(st.sampled_from([1.0, 2.0, 3.0, 4.0]), st.floats(0, 1), st.integers(1, 1000), st.booleans()),
    max_size=20,
)


@given(RUNS)
def test_the_fit_falls_and_keeps_the_mean(drawn: list[tuple[float, float, int, bool]]) -> None:
    """A point a rate that counts, never rising, with as many good requests as were seen."""
    runs = [
        RunPoint(folder="", stage="bisect", rate_per_s=rate, attainment=share, offered=offered, valid=valid,
                 workers=1, what="")
        for rate, share, offered, valid in drawn
    ]  # fmt: skip
    fitted = falling(runs)
    counted = [run for run in runs if run.valid]
    assert [point.rate_per_s for point in fitted] == sorted({run.rate_per_s for run in counted})
    shares = [point.attainment for point in fitted]
    assert shares == sorted(shares, reverse=True)
    weights = [sum(r.offered for r in counted if r.rate_per_s == point.rate_per_s) for point in fitted]
    good = sum(run.offered * run.attainment for run in counted)
    assert float(np.dot(weights, shares)) == pytest.approx(good, abs=1e-6)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scenario import ConstantArrivals, PoissonArrivals
from bench.workload.arrivals import NS_PER_S, Instants, constant, poisson

ARRIVALS = 10_000


def _gap_cv(due_ns: Instants) -> float:
    gaps = np.diff(due_ns[:ARRIVALS])
    return float(gaps.std() / gaps.mean())


@pytest.mark.parametrize("rate", [0.7, 3, 7.3, 333.3, 999.9, 1999.3, 2000])
def test_constant_gaps_vary_by_less_than_a_millionth(rate: float) -> None:
    """Up to 2,000 a second the only variation is the rounding to whole nanoseconds."""
    due = constant(ConstantArrivals(process="constant", rate_per_s=rate), (ARRIVALS + 1) / rate)
    assert len(due) >= ARRIVALS
    assert _gap_cv(due) <= 1e-6


@pytest.mark.parametrize("rate", [0.7, 7.3, 1999.3])
def test_constant_arrivals_do_not_drift(rate: float) -> None:
    """The last of many is within half a nanosecond of where it belongs."""
    due = constant(ConstantArrivals(process="constant", rate_per_s=rate), ARRIVALS / rate)
    assert due[0] == 0
    assert abs(int(due[-1]) - (len(due) - 1) * NS_PER_S / rate) <= 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("rate", [2, 150])
def test_poisson_gaps_have_a_variation_of_one(seed: int, rate: float) -> None:
    """Exponential gaps: CV 1, within 3 % over 10,000, and the mean that was asked for."""
    due = poisson(PoissonArrivals(process="poisson", rate_per_s=rate), 1.1 * ARRIVALS / rate, seed)
    assert len(due) >= ARRIVALS
    assert _gap_cv(due) == pytest.approx(1, abs=0.03)
    assert np.diff(due[:ARRIVALS]).mean() * rate / NS_PER_S == pytest.approx(1, abs=0.04)


@settings(max_examples=60)
@given(st.sampled_from([constant, poisson]), st.floats(0.01, 500), st.floats(0.001, 20), st.floats(0.001, 20))
def test_a_longer_duration_keeps_the_arrivals_of_a_shorter_one(
    process: object, rate: float, one_s: float, other_s: float
) -> None:
    """And all lie in [0, duration), in order."""
    shorter, longer = sorted([one_s, other_s])
    if process is constant:
        arrivals = ConstantArrivals(process="constant", rate_per_s=rate)
        short, long = (constant(arrivals, duration) for duration in (shorter, longer))
    else:
        random = PoissonArrivals(process="poisson", rate_per_s=rate)
        short, long = (poisson(random, duration, 7) for duration in (shorter, longer))
    assert np.array_equal(long[: len(short)], short)
    assert (long[len(short) :] >= shorter * NS_PER_S).all()
    assert (np.diff(long) >= 0).all()
    assert ((long >= 0) & (long < longer * NS_PER_S)).all()

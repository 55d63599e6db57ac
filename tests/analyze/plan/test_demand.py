from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analyze.plan import Demand, PlanError, growth, of_trace, read_rates, replay
from bench.analyze.plan.capacity import Scaling
from bench.analyze.plan.demand import leading_max, trailing_max, trailing_min
from bench.analyze.plan.machines import worth

VALUES = st.lists(st.floats(0, 100), min_size=1, max_size=30).map(np.array)


def rates(folder: Path, text: str) -> Path:
    """A rate table with that text."""
    file = folder / "rates.csv"
    file.write_text(text)
    return file


@given(VALUES, st.integers(1, 40))
def test_windows_look_back_and_ahead(values: np.ndarray, steps: int) -> None:
    """As the plain loop says, at the edges too."""
    n = len(values)
    back = [values[max(0, i - steps + 1) : i + 1] for i in range(n)]
    ahead = [values[i : i + steps] for i in range(n)]
    assert trailing_max(values, steps).tolist() == [part.max() for part in back]
    assert trailing_min(values, steps).tolist() == [part.min() for part in back]
    assert leading_max(values, steps).tolist() == [part.max() for part in ahead]


def test_growth_is_how_many_times_the_present_comes_within_the_time() -> None:
    """Of 100 minutes of 10 a second one is followed by 30 within two minutes, and so is the one before."""
    rate = np.full(100, 10.0)
    rate[50] = 30.0
    demand = Demand(60.0, {"rate_per_s": rate})
    assert growth(demand, 120, 1.0) == 3.0
    assert growth(demand, 120, 0.985) == 3.0
    assert growth(demand, 120, 0.98) == 1.0


def test_growth_out_of_nothing_is_left_to_the_replay() -> None:
    """There is no ratio to nothing; a demand of nothing at all cannot be planned."""
    assert growth(Demand(60.0, {"rate_per_s": np.array([0.0, 0.0, 5.0, 5.0])}), 60, 1.0) == 1.0
    with pytest.raises(PlanError, match="nothing is asked for"):
        growth(Demand(60.0, {"rate_per_s": np.zeros(4)}), 60, 1.0)


def test_a_backlog_is_worked_off_first_come_first_served() -> None:
    """12 a second on 10 for two minutes: 240 wait; the last of them waits 240 / 10 = 24 s."""
    demand = Demand(60.0, {"rate_per_s": np.array([5.0, 12, 12, 5, 5, 5])})
    fared = replay(demand, np.full(6, 10.0))
    assert fared.longest_wait_s == pytest.approx(24)
    assert fared.delayed.tolist() == [False, True, True, True, False, False]
    assert fared.delayed_share == pytest.approx(29 / 44)
    assert replay(demand, np.full(6, 10.0), max_delay_s=24).delayed_share == 0
    assert replay(demand, np.full(6, 12.0)).delayed_share == 0


def test_a_backlog_that_nobody_works_off_is_said_to_last() -> None:
    """Nothing is served at all: it waits until the end, and longer."""
    demand = Demand(60.0, {"rate_per_s": np.array([1.0, 1, 1])})
    fared = replay(demand, np.zeros(3))
    assert not fared.drained
    assert fared.delayed_share == 1


@given(st.lists(st.floats(0.5, 50), min_size=2, max_size=20), st.floats(5, 300))
def test_the_replay_serves_what_a_plain_loop_serves(asked: list[float], step_s: float) -> None:
    """The backlog B of each step is max(0, B + (demand - capacity) step)."""
    rate, capacity = np.array(asked), np.full(len(asked), 20.0)
    backlog, late = 0.0, []
    for one in asked:
        before, backlog = backlog, max(0.0, backlog + (one - 20.0) * step_s)
        late.append(before > 1e-5 or backlog > 1e-5)
    fared = replay(Demand(step_s, {"rate_per_s": rate}), capacity)
    assert fared.delayed.tolist() == late


@given(st.integers(1, 5000), st.floats(1, 120))
def test_a_trace_loses_no_request_but_those_of_a_part_of_a_step(count: int, step_s: float) -> None:
    """The counts of all whole steps are those of the instants."""
    due_ns = np.sort(np.random.default_rng(count).integers(0, 600 * 10**9, count + 1))
    due_ns[-1] = 600 * 10**9
    demand = of_trace(due_ns, np.full(count + 1, 7, dtype=np.int32), step_s)
    whole = int((due_ns < len(demand.rate_per_s) * step_s * 1e9).sum())
    assert demand.rate_per_s.sum() * step_s == pytest.approx(whole)
    assert demand.out_tokens_per_s is not None
    assert demand.out_tokens_per_s.sum() * step_s == pytest.approx(7 * whole)


def test_a_rate_table_keeps_its_total(tmp_path: Path) -> None:
    """Rows of an hour become steps of a minute; the last row lasts as long as the one before."""
    demand = read_rates(rates(tmp_path, "start_s, rate_per_s, out_tokens\n0,1,100\n3600,4,200\n"))
    assert (demand.step_s, demand.length_s) == (60.0, 7200.0)
    assert demand.rate_per_s.sum() * 60 == pytest.approx(3600 * 5)
    assert demand.out_tokens_per_s is not None
    assert demand.out_tokens_per_s.sum() * 60 == pytest.approx(3600 * (100 + 800))


def test_a_rate_table_may_have_classes_and_odd_steps(tmp_path: Path) -> None:
    """Columns with any other name are traffic classes; only differences of instants mean anything."""
    demand = read_rates(rates(tmp_path, "start_s,chat,encode\n1700000000,1,10\n1700000090,2,20\n"))
    assert sorted(demand.classes) == ["chat", "encode"]
    assert demand.classes["encode"].tolist() == pytest.approx([10, 15, 20])
    assert demand.rate_per_s.tolist() == pytest.approx([11, 16.5, 22])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start_s,rate_per_s\n0,1\n60,x\n", r"rates.csv:3: rate_per_s: 'x' is no number"),
        ("start_s,rate_per_s\n0,1\n60,-2\n", r"rates.csv:3: rate_per_s: '-2' is no number of 0 or more"),
        ("start_s,rate_per_s\n0,1\n0,2\n", "must rise"),
        ("start_s,rate_per_s\n0,1\n", "two rows at least"),
        ("time,rate\n0,1\n", "a rate table has start_s,rate_per_s"),
        ("start_s,rate_per_s,chat\n0,1,1\n", "a rate table has"),
        ("", "is no CSV file"),
    ],
)
def test_a_broken_rate_table_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    """The message names the line, or what a table has to look like."""
    with pytest.raises(PlanError, match=expected):
        read_rates(rates(tmp_path, text))


def test_replicas_are_worth_less_together() -> None:
    """sigma 0.1: two are worth 2 / 1.1; with kappa the worth has a peak, and nothing beyond it counts."""
    assert worth(Scaling(sigma=0.1), 2).tolist() == pytest.approx([0, 1, 2 / 1.1])
    peaked = worth(Scaling(sigma=0.04, kappa=0.0006), 200)
    assert len(peaked) - 1 == 40
    assert worth(Scaling(), 3).tolist() == [0, 1, 2, 3]

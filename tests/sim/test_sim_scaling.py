"""The pure model in virtual time: lanes that grow, shrink and sleep, and nodes that are called back."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sim.model import (
    Event,
    Finished,
    Fleet,
    Job,
    Lane,
    Lost,
    Rules,
    Scaling,
    Verdict,
    WorkerDraining,
    WorkerGone,
    WorkerReady,
    WorkerStarting,
    parse_fleet,
)
from bench.sim.model.coldstart import cold_start_ns
from tests.sim.virtual import S

MODEL = "Qwen/Qwen3-0.6B"
L4 = Lane("default", "sglang", "l4")
SPOT = Lane("default", "sglang", "l4-spot")


def job(number: int, output: int = 20, lane: Lane = L4) -> Job:
    """A generation; on an L4 a token takes some 6 ms."""
    return Job(number, MODEL, lane, 10, output)


def drain(fleet: Fleet) -> list[Event]:
    """Everything until the fleet is still."""
    events: list[Event] = []
    while (due_ns := fleet.next_ns()) is not None:
        events += fleet.advance(due_ns)
    return events


def instants_s(events: list[Event], kind: type[Event]) -> list[float]:
    """When events of one kind happened."""
    return [event.at_ns / S for event in events if isinstance(event, kind)]


def test_cold_starts_take_three_to_seven_minutes() -> None:
    """Nine in ten of many, and their median is near the middle; spot nodes take longer."""
    rng = Random(3)
    lengths_s = np.array([cold_start_ns(rng, 1.0) for _ in range(2000)]) / S
    low, middle, high = np.quantile(lengths_s, [0.05, 0.5, 0.95])
    assert 180 < low < middle < high < 420
    assert np.median([cold_start_ns(rng, 1.0, spot=True) / S for _ in range(500)]) > 1.1 * middle


@pytest.mark.parametrize("woken", [1, 2])
def test_an_empty_lane_wakes_at_the_next_look_and_sleeps_after_the_cooldown(woken: int) -> None:
    """0.4 wakes one worker and 0.10 two; without work all leave 900 s after the demand was last seen."""
    fleet = Fleet(parse_fleet("l4/sglang=0..3"), Rules(scaling=Scaling(woken=woken)))
    assert fleet.demand(7 * S, L4) is Verdict.COLD
    events = drain(fleet)
    assert instants_s(events, WorkerStarting) == [15] * woken
    assert all(195 < ready_s < 435 for ready_s in instants_s(events, WorkerReady))
    assert instants_s(events, WorkerGone) == [120 + 900] * woken
    assert fleet.demand(2000 * S, L4) is Verdict.COLD


def test_the_cooldown_is_counted_from_the_last_work() -> None:
    """A worker that served a job at 600 s leaves at the first look 900 s after that."""
    fleet = Fleet(parse_fleet("l4/sglang=0..1"), Rules(scaling=Scaling()))
    fleet.demand(0, L4)
    events = fleet.advance(585 * S)
    assert fleet.submit(585 * S, job(1, output=3000)) is Verdict.LIVE
    events += drain(fleet)
    (ended_s,), (gone_s,) = instants_s(events, Finished), instants_s(events, WorkerGone)
    last_look_s = ended_s // 15 * 15
    assert gone_s == last_look_s + 900


def test_cold_start_scale_shortens_start_and_cooldown_but_not_the_looks() -> None:
    """At 0.1 the demand of the first second is seen at 15 s, and the cooldown is 90 s."""
    fleet = Fleet(parse_fleet("l4/sglang=0..1"), Rules(scaling=Scaling()), cold_start_scale=0.1)
    fleet.demand(S, L4)
    events = drain(fleet)
    assert instants_s(events, WorkerStarting) == [15]
    assert 33 < instants_s(events, WorkerReady)[0] < 60
    assert instants_s(events, WorkerGone) == [120 + 90]


def test_without_a_cooldown_a_lane_sleeps_when_demand_is_forgotten() -> None:
    """Scale 0 makes it ready at the look that wakes it, and not asleep while somebody wants it."""
    fleet = Fleet(parse_fleet("l4/sglang=0..1"), Rules(scaling=Scaling()), cold_start_scale=0.0)
    fleet.demand(S, L4)
    events = drain(fleet)
    assert instants_s(events, WorkerReady) == [15]
    assert instants_s(events, WorkerGone) == [135]


def test_work_that_waits_makes_a_lane_grow_step_by_step() -> None:
    """200 jobs want twenty workers: one becomes five, ten, the most; without them the lane shrinks slowly."""
    fleet = Fleet(parse_fleet("l4/sglang=1..12"), Rules(scaling=Scaling()))
    for number in range(200):
        fleet.submit(0, job(number, output=4000))
    events = fleet.advance(600 * S)
    assert instants_s(events, WorkerStarting) == [15] * 4 + [30] * 5 + [45] * 2
    for number in range(200):
        fleet.cancel(600 * S, number)
    leaving_s = instants_s(drain(fleet), WorkerDraining)
    assert leaving_s[:5] == [915, 915, 915, 975, 975]
    assert all(later - sooner == 60 for sooner, later in pairwise(sorted(set(leaving_s))))
    assert (len(leaving_s), len(fleet.live)) == (11, 1)


@pytest.mark.parametrize(("output", "lost"), [(3000, 0), (15_000, 1)])
def test_a_worker_that_must_go_finishes_its_work(output: int, lost: int) -> None:
    """While it drains it gets no new jobs; a stream that lasts too long is lost when the patience ends."""
    rules = Rules(scaling=Scaling(drain_s=20.0, shrink_after_s=0.0, work_per_worker=2))
    fleet = Fleet(parse_fleet("l4/sglang=1..2"), rules, cold_start_scale=0.01)
    for number in range(4):
        fleet.submit(0, job(number, output=6000))
    fleet.advance(74 * S)
    assert len(fleet.live) == 2
    for number in range(4):
        fleet.cancel(74 * S, number)
    for number in (4, 5):
        fleet.submit(74 * S, job(number, output))
    events = fleet.advance(75 * S)
    assert instants_s(events, WorkerDraining) == [75]
    for number in (6, 7):
        fleet.submit(75 * S, job(number, 10))
    events = drain(fleet)
    assert instants_s(events, Lost) == [95] * lost
    assert len(instants_s(events, Finished)) == 4 - lost
    (gone_s,) = instants_s(events, WorkerGone)
    assert gone_s == 95 if lost else 76 < gone_s < 95


@pytest.mark.parametrize("notice_s", [30, 120])
@pytest.mark.parametrize(("output", "lost"), [(100, False), (30_000, True)])
def test_a_spot_node_is_called_back_after_a_notice(output: int, lost: bool, notice_s: int) -> None:
    """What ends in time ends; the rest is cut when the notice is over, and another node is on its way."""
    rules = Rules(spot_lifetime_s=300.0, spot_notice_s=notice_s)
    fleet = Fleet(parse_fleet("l4-spot/sglang=1"), rules, seed=4)
    called_ns = fleet.live[0].interrupted_ns
    assert called_ns
    fleet.submit(called_ns - S // 10, job(1, output, SPOT))
    events = fleet.advance(called_ns + (notice_s + 1) * S)
    (draining_s,) = instants_s(events, WorkerDraining)
    assert draining_s * S == pytest.approx(called_ns)
    assert instants_s(events, Lost) == pytest.approx([draining_s + notice_s] * lost)
    assert len(instants_s(events, Finished)) == (not lost)
    assert instants_s(events, WorkerStarting) == [draining_s]
    assert fleet.submit(called_ns + (notice_s + 1) * S, job(2, 10, SPOT)) is Verdict.COLD


def test_only_spot_nodes_are_called_back() -> None:
    """However short the lives of spot nodes are."""
    fleet = Fleet(parse_fleet("l4/sglang=1"), Rules(spot_lifetime_s=1.0))
    assert drain(fleet)[1:] == []


def test_a_lost_worker_is_replaced_at_a_look_after_it_is_noticed() -> None:
    """Nobody has to ask."""
    fleet = Fleet(parse_fleet("l4/sglang=1..2"), Rules(scaling=Scaling(), heartbeat_loss_ns=20 * S))
    fleet.lose(S, fleet.live[0], closes=True)
    assert instants_s(fleet.advance(100 * S), WorkerStarting) == [30]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 900 * S), st.integers(1, 4000)), min_size=1, max_size=40),
    st.integers(1, 40),
)
def test_scaling_depends_on_no_rhythm_and_keeps_its_bounds(
    asked: list[tuple[int, int]], stride_s: int
) -> None:
    """However often the fleet is advanced the same happens, and never with more workers than allowed."""

    def run(stride_ns: int) -> list[Event]:
        rules = Rules(scaling=Scaling(work_per_worker=1), spot_lifetime_s=200.0)
        fleet = Fleet(parse_fleet("l4-spot/sglang=1..4"), rules, seed=2)
        events: list[Event] = []
        last_ns = 0
        for number, (at_ns, output) in enumerate(sorted(asked)):
            for now_ns in range(last_ns, at_ns, stride_ns):
                events += fleet.advance(now_ns)
            last_ns = at_ns
            fleet.submit(at_ns, job(number, output, SPOT))
            assert len([worker for worker in fleet.live if worker.works]) <= 4
        events += fleet.advance(last_ns + 2000 * S)
        return sorted(events, key=lambda event: (event.at_ns, str(event)))

    assert run(stride_s * S) == run(10**15)


def test_a_script_decides_who_works_whatever_is_asked() -> None:
    """Workers serve from the instant it names, those that go finish what they have, demand wakes nobody."""
    rules = Rules(script=(("l4", ((0, 1), (60 * S, 3), (120 * S, 1), (180 * S, 0))),))
    fleet = Fleet(parse_fleet("l4/sglang=1..3"), rules)
    assert fleet.submit(119 * S, job(1, output=500)) is Verdict.LIVE
    events = drain(fleet)
    assert instants_s(events, WorkerReady) == [0, 60, 60]
    assert instants_s(events, WorkerDraining) == [120, 120, 180]
    assert instants_s(events, Finished)[0] > 120
    assert not instants_s(events, Lost)
    assert fleet.demand(300 * S, L4) is Verdict.COLD
    assert drain(fleet) == []

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scenario import Scenario
from bench.workload import busiest_second, lines, make_schedule, peak_in_flight
from tests.workload.scenarios import CLOSED, OPEN, scenario


@settings(max_examples=15)
@given(OPEN | CLOSED)
def test_the_lines_sum_to_the_schedule(said: Scenario) -> None:
    """Requests, tokens and items: nothing twice, nothing lost, classes in the scenario's order."""
    schedule = make_schedule(said)
    planned = [schedule.planned(index) for index in range(len(schedule))]
    found = lines(schedule)
    assert sum(line.requests for line in found) == len(planned)
    assert sum(line.in_tokens for line in found) == sum((one.in_tokens or 0) for one in planned)
    assert sum(line.out_tokens or 0 for line in found) == sum(one.out_tokens or 0 for one in planned)
    assert sum(line.items or 0 for line in found) == sum(one.items or 0 for one in planned)
    counted = Counter((one.traffic.name, one.profile or "any") for one in planned)
    assert {(line.traffic_class, line.profile): line.requests for line in found} == counted
    order = [traffic.name for traffic in said.classes if traffic.name in {one for one, _ in counted}]
    assert list(dict.fromkeys(line.traffic_class for line in found)) == order


@settings(max_examples=15)
@given(OPEN, st.floats(0, 2), st.floats(0, 0.01))
def test_peak_in_flight_equals_a_count_by_hand(said: Scenario, first_s: float, per_token_s: float) -> None:
    """At each start, those are in flight that began at or before it and end after it."""
    schedule = make_schedule(said)
    spans = []
    for one in schedule.part(0, 1):
        lasting_s = first_s + per_token_s * ((one.out_tokens or 1) - 1)
        spans.append((one.due_ns or 0, (one.due_ns or 0) + int(lasting_s * 1e9)))
    by_hand = max((sum(begin <= at < end for begin, end in spans) for at, _ in spans), default=0)
    assert peak_in_flight(schedule, first_s, per_token_s) == by_hand


@given(st.integers(1, 4), st.floats(0.1, 5))
def test_the_busiest_second_of_a_constant_rate_is_its_rate(rate: int, duration_s: float) -> None:
    """Or less, where the run is shorter than a second."""
    said = scenario(arrivals={"process": "constant", "rate_per_s": 10 * rate}, duration_s=duration_s)
    schedule = make_schedule(said)
    assert busiest_second(schedule) == min(len(schedule), 10 * rate)


def test_a_closed_loop_has_never_more_in_flight_than_users() -> None:
    """Its instants are not known ahead, so there is no busiest second."""
    schedule = make_schedule(scenario(closed_loop={"users": 7}))
    assert (peak_in_flight(schedule, 1, 0.1), busiest_second(schedule)) == (7, 0)

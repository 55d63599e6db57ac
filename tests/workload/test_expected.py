import pytest

from bench.workload import Expected, expected, make_schedule
from tests.workload.scenarios import CHAT, ENCODE, GENERATE, scenario

TEN_TOKENS = {**CHAT, "output_tokens": 10}


def test_streams_that_overlap_are_counted_and_whole_replies_are_not() -> None:
    """Two a second that last two seconds: four at once, each with five events a second."""
    arrivals = {"process": "constant", "rate_per_s": 2}
    schedule = make_schedule(scenario(classes=[TEN_TOKENS], arrivals=arrivals))
    found = expected(schedule, first_s=0.2, per_token_s=0.2)
    assert (found.streams, found.requests_per_s) == (4, 2)
    assert found.events_per_s == pytest.approx(20)
    whole = make_schedule(scenario(classes=[ENCODE, GENERATE], arrivals=arrivals))
    assert expected(whole, 0.2, 0.2) == Expected(streams=0, events_per_s=0, requests_per_s=2)


def test_a_reply_shorter_than_a_second_has_no_more_events_a_second_than_events() -> None:
    """Ten events in ten milliseconds are ten in that second."""
    arrivals = {"process": "constant", "rate_per_s": 0.1}
    schedule = make_schedule(scenario(classes=[TEN_TOKENS], arrivals=arrivals))
    assert expected(schedule, 0.001, 0.001).events_per_s == pytest.approx(10)


def test_in_a_closed_loop_every_user_may_have_a_stream_open() -> None:
    """Four users, two seconds a turn and two to think: a turn a second, ten events each."""
    loop = {"users": 4, "think_time_s": 2.0, "think": "constant"}
    found = expected(make_schedule(scenario(classes=[TEN_TOKENS], closed_loop=loop)), 0.2, 0.2)
    assert found.streams == 4
    assert (found.requests_per_s, found.events_per_s) == pytest.approx((1, 10))
    whole = expected(make_schedule(scenario(classes=[ENCODE], closed_loop=loop)), 0.2, 0.2)
    assert (whole.streams, whole.events_per_s) == (0, 0)


def test_an_empty_schedule_demands_nothing() -> None:
    """No arrival in so short a time."""
    arrivals = {"process": "poisson", "rate_per_s": 0.001}
    schedule = make_schedule(scenario(duration_s=0.001, arrivals=arrivals))
    assert expected(schedule, 1, 1) == Expected(streams=0, events_per_s=0, requests_per_s=0)

import pytest

from bench.experiment import Ladder, Rung, rungs
from bench.record import Step
from tests.calibrations import failed, step

LADDER = Ladder((16, 64, 256, 1024), (250, 1000, 4000))


def climbed(most_streams: int, most_small: float, ladder: Ladder = LADDER) -> list[Rung]:
    """Every load that is tried on a machine that holds that much, in order."""
    done: list[Step] = []
    while (rung := ladder.next(done)) is not None:
        holds = rung[0] <= most_streams and rung[1] <= most_small
        done.append(step(*rung) if holds else failed(*rung))
        assert len(done) < 30
    return [one.asked for one in done]


def test_streams_climb_until_they_fail_then_what_lies_between_then_small_requests() -> None:
    """The most that held is confirmed; a quarter of it stays beside the small requests."""
    assert climbed(300, 1500) == [
        *[(16, 0), (64, 0), (256, 0), (1024, 0)],
        *[(512, 0), (362, 0)],
        (256, 0),
        *[(64, 250), (64, 1000), (64, 4000), (64, 2000), (64, 1414)],
    ]


def test_a_machine_that_holds_everything_is_climbed_to_the_top() -> None:
    """Nothing lies between then."""
    assert climbed(10_000, 10_000)[3:] == [(1024, 0), (1024, 0), (256, 250), (256, 1000), (256, 4000)]


def test_a_machine_that_holds_nothing_is_asked_once() -> None:
    """Without streams that hold there is nothing to put small requests beside."""
    assert climbed(0, 0) == [(16, 0)]


def test_a_step_that_others_disturbed_is_tried_once_more() -> None:
    """Once only; and the second try is what counts."""
    first = failed(16, foreign_share=0.5)
    assert LADDER.next([first]) == (16, 0)
    assert LADDER.next([first, first]) is None
    assert LADDER.next([first, step(16)]) == (64, 0)


def test_a_load_that_held_only_on_its_second_try_is_confirmed_too() -> None:
    """It must hold twice; a third failure ends it."""
    ladder = Ladder((16,), ())
    done = [failed(16, foreign_share=0.5), step(16)]
    assert ladder.next(done) == (16, 0)
    assert ladder.next([*done, step(16)]) is None
    assert ladder.next([*done, failed(16)]) is None


def test_what_does_not_hold_a_second_time_is_not_believed() -> None:
    """Then the next lower one is, once it is confirmed in its turn."""
    done = [step(16), step(64), failed(100), failed(64)]
    ladder = Ladder((16, 64, 100), (), finest=5)
    assert ladder.next(done) == (16, 0)
    assert ladder.next([*done, step(16)]) is None


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1024, (16, 64, 256, 1024)), (300, (16, 64, 256, 300)), (16, (16,)), (5, (5,))],
)
def test_the_rungs_end_with_the_most_that_was_asked(most: int, expected: tuple[int, ...]) -> None:
    """Four times as many each, and never more than that."""
    assert rungs(most) == expected

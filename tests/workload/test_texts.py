from hypothesis import given
from hypothesis import strategies as st

from bench.workload import Texts, make_schedule
from tests.workload.scenarios import CLASSES, scenario

RIVER = Texts(7, {})
"""Made once: its river of words is long."""


@given(st.integers(0, 10**9), st.integers(0, 99), st.integers(1, 5000))
def test_a_text_has_exactly_the_asked_number_of_characters(index: int, place: int, chars: int) -> None:
    """Each of one byte."""
    text = RIVER.text(index, place, chars)
    assert len(text) == len(text.encode("ascii")) == chars


def test_a_text_longer_than_the_river_flows_on() -> None:
    """A prompt of a million characters is possible."""
    assert len(RIVER.text(1, 0, 1_000_000)) == 1_000_000


def test_no_two_texts_share_their_first_64_bytes() -> None:
    """Gateways route and cache by that prefix."""
    openings = {RIVER.text(index, place, 64) for index in range(10_000) for place in range(3)}
    assert len(openings) == 30_000


def test_equal_seeds_make_equal_texts_and_other_seeds_others() -> None:
    """Over indices, places and lengths."""
    again, other = Texts(7, {}), Texts(8, {})
    for index in range(50):
        text = RIVER.text(index, 1, 300)
        assert again.text(index, 1, 300) == text
        assert other.text(index, 1, 300)[:64] != text[:64]


def test_a_request_gets_as_many_texts_as_its_operation_needs() -> None:
    """One prompt, a text an item, or the query before its documents; each as long as its tokens."""
    schedule = make_schedule(scenario(classes=list(CLASSES)))
    texts = Texts(1, {"chat": 3.5, "score": 5.0})
    seen = set()
    for planned in schedule.part(0, 1):
        lengths = [len(text) for text in texts.of(planned)]
        traffic = planned.traffic.name
        seen.add(traffic)
        match traffic:
            case "chat":
                assert lengths == [round(planned.item_tokens * 3.5)]
            case "generate":
                assert lengths == [planned.item_tokens * 4]
            case "encode":
                assert lengths == [planned.item_tokens * 4] * 3
            case "score":
                assert lengths == [32 * 5] + [32 * 5] * 4
    assert seen == {"chat", "generate", "encode", "score"}

import string

from hypothesis import given
from hypothesis import strategies as st

from bench.workload import Texts, make_schedule
from tests.workload.scenarios import CLASSES, scenario

RIVER = Texts(7, {})
"""Made once: its river of words is long."""


@given(st.integers(0, 10**9), st.integers(0, 99), st.integers(1, 5000))
def test_a_text_has_exactly_the_asked_number_of_characters(index: int, place: int, chars: int) -> None:
    """Each a letter or a space of ASCII, which no encoding of a body writes in another way."""
    text = RIVER.text(index, place, chars)
    assert len(text) == chars
    assert set(text) <= {*string.ascii_letters, " "}


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


PER_TOKEN = {"chat": 3.5, "score": 5.0}
MADE = Texts(1, PER_TOKEN)


def test_a_request_gets_as_many_texts_as_its_operation_needs() -> None:
    """One prompt, a text an item, or the query before its documents; each as long as its tokens."""
    schedule = make_schedule(scenario(classes=list(CLASSES)))
    before = {"score": [32], "rerank": [20]}
    counts = {"encode": 3, "embed": 3, "extract": 2, "score": 4, "rerank": 5}
    seen = set()
    for planned in schedule.part(0, 1):
        name = planned.traffic.name
        tokens = before.get(name, []) + [planned.item_tokens] * counts.get(name, 1)
        lengths = [len(text) for text in MADE.of(planned)]
        assert lengths == [round(one * PER_TOKEN.get(name, 4.0)) for one in tokens]
        assert planned.in_tokens == sum(tokens)
        seen.add(name)
    assert seen == {one["name"] for one in CLASSES}


def test_no_two_texts_of_a_run_share_their_first_64_bytes() -> None:
    """Of no operation, prompts, items, queries and documents alike: a shared prefix pins and is cached."""
    schedule = make_schedule(scenario(classes=list(CLASSES)))
    texts = [text for planned in schedule.part(0, 1) for text in MADE.of(planned)]
    openings = {text[:64] for text in texts}
    assert len(openings) == len(texts) > 400


def test_a_cut_ranking_owes_only_the_best() -> None:
    """Items asked are the results due: of five documents the best two."""
    schedule = make_schedule(scenario(classes=[CLASSES[6]]))
    assert {planned.items for planned in schedule.part(0, 1)} == {2}

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.protocol import Ask, Endpoint, fill, render, template_of, trace_of
from bench.protocol.facts import GENERATION
from tests.protocol.wire import OPERATIONS, asking

ENDPOINT = Endpoint("sie", "http://gateway:8080/100%25/v1", "key")
RUN = "a" * 32
PLAIN = "abcxyz "
TEXTS = st.lists(st.text(PLAIN, min_size=1, max_size=12), min_size=2, max_size=2).map(tuple)
WORDS = st.lists(st.text(PLAIN, min_size=30, max_size=30), min_size=2, max_size=2).map(tuple)
ASKS: list[Ask] = [
    *(asking(operation, pool="eval", profile="l4") for operation in OPERATIONS),
    asking("encode", params={"note": "100 % of it"}),
    asking("chat", stream=True),
]


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.operation)
@given(texts=TEXTS | WORDS, other=st.data(), span=st.integers(1, 2**64 - 1))
def test_a_filled_template_is_what_render_makes(
    ask: Ask, texts: tuple[Any, ...], other: st.DataObject, span: int
) -> None:
    """Byte for byte, for texts as long as those that it was made from."""
    first = _with(ask, texts)
    template = template_of(ENDPOINT, first, RUN)
    if template:
        like = replace(
            ask,
            texts=tuple(other.draw(st.text(PLAIN, min_size=n, max_size=n)) for n in map(len, first.texts)),
        )
        assert fill(template, span, like.texts) == render(ENDPOINT, like, trace_of(RUN, span))


def test_a_template_is_made_for_texts_of_some_length() -> None:
    """Of every operation; else all would be rendered the slow way."""
    for ask in ASKS:
        texts = ("abc xyz " * 5, "def uvw " * 5)
        assert template_of(ENDPOINT, _with(ask, texts), RUN)


def _with(ask: Ask, texts: tuple[str, ...]) -> Ask:
    """Of prompts a generation has but one."""
    return replace(ask, texts=texts[:1] if ask.operation in GENERATION else texts)

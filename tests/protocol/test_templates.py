from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.protocol import Ask, Endpoint, Templates, render
from tests.protocol.wire import OPERATIONS, asking

ENDPOINT = Endpoint("sie", "http://gateway:8080/100%25/v1", "key")
TRACE = "00-" + "a" * 32 + "-{:016x}-01"
TEXTS = st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=2).map(tuple)
WORDS = st.lists(st.text("abc ", min_size=30, max_size=30), min_size=2, max_size=2).map(tuple)
ASKS: list[Ask] = [
    *(asking(operation, pool="eval", profile="l4") for operation in OPERATIONS),
    asking("encode", params={"note": "100 % of it"}),
    asking("chat", stream=True),
]


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.operation)
@given(texts=st.lists(TEXTS | WORDS, min_size=2, max_size=4))
def test_a_template_renders_what_render_does(ask: Ask, texts: list[tuple[Any, ...]]) -> None:
    """Byte for byte, whatever the texts hold, and whichever came first."""
    templates = Templates(ENDPOINT)
    for number, own in enumerate(texts):
        trace, like = TRACE.format(number), replace(ask, texts=own)
        assert templates.render(like, trace, "kind") == render(ENDPOINT, like, trace)


def test_kinds_do_not_mix() -> None:
    """Another kind is rendered anew, though its texts are as long."""
    templates = Templates(ENDPOINT)
    for kind, tokens in enumerate((8, 9, 8)):
        ask = replace(asking("chat", "twelve chars"), max_tokens=tokens)
        assert templates.render(ask, TRACE.format(1), kind) == render(ENDPOINT, ask, TRACE.format(1))

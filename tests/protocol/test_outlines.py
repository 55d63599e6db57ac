import json
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.protocol import outlines
from bench.protocol.facts import Facts
from bench.protocol.framing import Headers
from bench.protocol.replies import read_whole
from tests.protocol.wire import asking, timeless

VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=20)
VECTORS = VALUES | st.lists(st.floats(width=32), max_size=9) | st.dictionaries(st.text(max_size=3), VALUES)
ERRORS: st.SearchStrategy[Any] = (
    st.none() | st.just("load") | st.just({}) | st.fixed_dictionaries({"code": st.just("X")})
)
ENTRIES = st.dictionaries(
    st.sampled_from(["dense", "sparse", "multivector", "embedding", "error", "id"]), VECTORS | ERRORS
)
TREES = st.dictionaries(
    st.sampled_from(["items", "data", "error", "usage", "message", "model"]),
    st.lists(ENTRIES, max_size=3) | VALUES | ERRORS | st.just({"prompt_tokens": 3}),
)
GOOD = {"dense": {"dims": 9, "values": [0.5] * 9}}


def facts_of(operation: Any, body: bytes, kind: str, **params: Any) -> dict[str, Any]:
    """All that is made of a 200, but for its own words."""
    facts = Facts()
    facts.status = 200
    headers = Headers({b"Content-Type": kind.encode()})
    read_whole(facts, asking(operation, params=params), "sie", headers, body)
    told = dict(timeless(facts))
    told.pop("error_message")
    return told


@pytest.mark.parametrize("operation", ["encode", "embed"])
@pytest.mark.parametrize("wanted", [("dense",), ("sparse", "multivector")])
@given(tree=TREES)
@example(tree={"items": [GOOD | {"error": {"code": "X"}}, GOOD]})
@example(tree={"data": [{"embedding": [0.5] * 9, "error": "load"}], "usage": {"prompt_tokens": 3}})
@example(tree={"items": [GOOD], "error": {"code": "X"}})
def test_an_outline_tells_what_the_whole_body_does(operation: Any, wanted: Any, tree: dict[str, Any]) -> None:
    """The same tree written as no outline can be made of it, in UTF-16, gives the same facts."""
    body = json.dumps(tree).encode()
    whole = json.dumps(tree).encode("utf-16")
    assert outlines.outline(asking(operation), whole, packed=False) is None
    as_json = facts_of(operation, body, "application/json", output_types=wanted)
    assert as_json == facts_of(operation, whole, "application/json", output_types=wanted)
    packed = facts_of(operation, msgpack.packb(tree), "application/msgpack", output_types=wanted)
    assert packed == facts_of(operation, whole, "application/json", output_types=wanted)


@pytest.mark.parametrize("packed", [False, True])
def test_good_vectors_are_passed_over(packed: bool) -> None:
    """An ordinary result is read by its outline; one of an entry that is empty is not."""
    write = msgpack.packb if packed else lambda tree: json.dumps(tree).encode()
    two = asking("encode")
    short = outlines.outline(two, write({"items": [GOOD, GOOD]}), packed=packed)
    assert short is not None
    assert len(short.entries) == 2
    for other in ([GOOD, {"dense": []}], [GOOD], [GOOD] * 3, [GOOD, GOOD | {"error": "load"}]):
        assert outlines.outline(two, write({"items": other}), packed=packed) is None

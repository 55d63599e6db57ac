from typing import Any

import msgpack
import numpy as np
import pytest

from bench.protocol import Ask, Exchange, text_of
from bench.protocol.facts import Operation
from tests.protocol.wire import DONE, answered, asking, chunked, delta, sized, sse, text, usage

VECTOR = {
    b"nd": True,
    b"type": "<f4",
    b"kind": b"",
    b"shape": [2],
    b"data": np.array([1, 2], "<f4").tobytes(),
}


def _read(ask: Ask, data: bytes) -> Exchange:
    exchange = Exchange("sie", ask)
    for place in range(0, len(data), 7):
        exchange.feed(data[place : place + 7], place)
    assert exchange.facts.outcome == "ok"
    return exchange


def _trees(exchange: Exchange) -> list[Any]:
    assert exchange.kept is not None
    return exchange.kept.trees()


@pytest.mark.parametrize(
    ("operation", "events"),
    [
        (
            "chat",
            [delta(content="How "), delta(reasoning_content="hm"), delta("stop", content="so?"), usage(3, 4)],
        ),
        ("completion", [text(said="How "), text("stop", said="so?"), usage(3, 4)]),
    ],
)
def test_a_stream_that_is_kept_can_be_read(operation: Operation, events: list[Any]) -> None:
    """Its events up to [DONE], and their visible text; the facts are those of one that is not kept."""
    data = chunked(sse(*events), DONE, b"data: nonsense\n\n")
    exchange = _read(asking(operation, "hi", stream=True, keep=True), data)
    assert _trees(exchange) == events
    assert text_of(_trees(exchange)) == "How so?"
    plain = _read(asking(operation, "hi", stream=True), data)
    assert plain.kept is None
    assert plain.facts == exchange.facts


@pytest.mark.parametrize(
    ("operation", "tree"),
    [
        ("chat", {"choices": [{"index": 0, "message": {"content": "so"}, "finish_reason": "stop"}]}),
        ("completion", {"choices": [{"index": 0, "text": "so", "finish_reason": "stop"}]}),
        ("generate", {"model": "m", "text": "so", "finish_reason": "stop"}),
    ],
)
def test_a_whole_reply_that_is_kept_can_be_read(operation: Operation, tree: dict[str, Any]) -> None:
    """As it came, and its text."""
    counted = tree | {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    trees = _trees(_read(asking(operation, "hi", keep=True), answered(200, counted)))
    assert trees == [counted]
    assert text_of(trees) == "so"


def test_arrays_in_msgpack_become_numpy_arrays() -> None:
    """Vectors that somebody wants to read."""
    body = msgpack.packb({"model": "m", "items": [{"dense": {"dims": 2, "values": VECTOR}}]})
    (tree,) = _trees(_read(asking("encode", "a", keep=True), sized(body, content_type="application/msgpack")))
    values = tree["items"][0]["dense"]["values"]
    assert values.dtype == np.float32
    assert values.tolist() == [1.0, 2.0]

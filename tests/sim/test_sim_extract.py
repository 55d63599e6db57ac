"""Extract in both dialects, over real sockets."""

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it ships no types

from bench.sim.schemas import instance_of
from tests.sim.process import Running

PATH = "/v1/extract/urchade/gliner_multi-v2.1"
TEXT = "Ada Lovelace met Charles Babbage in London"
LABELS = ["person", "place", "year"]
BODY = {"items": [{"id": "a", "text": TEXT}, {"text": "x"}], "params": {"labels": LABELS}}
COLD = {"X-SIE-MACHINE-PROFILE": "h100"}


def test_each_label_gets_a_word_of_the_text(either: Running) -> None:
    """Offsets point into the text, the best class comes first, and the same request has the same answer."""
    reply = either.http.post(PATH, json=BODY)
    item = reply.json()["items"][0]
    assert reply.json()["model"] == "urchade/gliner_multi-v2.1"
    assert [entity["label"] for entity in item["entities"]] == LABELS
    assert all(TEXT[e["start"] : e["end"]] == e["text"] for e in item["entities"])
    scores = [entry["score"] for entry in item["classifications"]]
    assert scores == sorted(scores, reverse=True)
    assert item["relations"][0]["head"] == item["entities"][0]["text"]
    assert (item["objects"], item["data"]) == ([], {})
    assert either.http.post(PATH, json=BODY).json() == reply.json()
    assert {"x-queue-time", "x-inference-time", "x-sie-worker"} <= set(reply.headers)


def test_msgpack_in_and_out(either: Running) -> None:
    """It says the same as JSON."""
    headers = {"content-type": "application/msgpack", "accept": "application/msgpack"}
    reply = either.http.post(PATH, content=msgpack.packb(BODY), headers=headers)
    assert reply.headers["content-type"] == "application/x-msgpack"
    assert msgpack.unpackb(reply.content) == either.http.post(PATH, json=BODY).json()


def test_ids_come_back_in_0_10_alone(gateway: Running, later: Running) -> None:
    """And only where an item had one."""
    assert [item.get("id") for item in gateway.http.post(PATH, json=BODY).json()["items"]] == [None, None]
    assert [item.get("id") for item in later.http.post(PATH, json=BODY).json()["items"]] == ["a", None]


def test_a_schema_decides_the_data(either: Running) -> None:
    """Labels are optional; what comes out fits the schema."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    body = {"input": TEXT, "params": {"output_schema": schema, "instruction": "who?", "options": {"x": 1}}}
    (item,) = either.http.post(PATH, json=body).json()["items"]
    assert (item["data"], item["entities"]) == ({"name": "word", "age": 0}, [])


def test_unreadable_items(gateway: Running, later: Running) -> None:
    """One in a batch vanishes; all of them, or a model that extracts nothing, are a refusal."""
    mixed = {"items": [{"images": []}, {"text": "a"}], "params": {"labels": ["x"]}}
    assert len(gateway.http.post(PATH, json=mixed).json()["items"]) == 1
    for running, status in ((gateway, 500), (later, 400)):
        assert running.http.post(PATH, json={"items": [{"id": "a"}]}).status_code == status
        assert running.http.post("/v1/extract/BAAI/bge-m3", json=BODY).status_code == status
        assert running.http.post("/v1/encode/urchade/gliner_multi-v2.1", json=BODY).status_code == status


def test_the_order_of_checks(start: Any, gateway: Running, later: Running) -> None:
    """Model, pool, GPU, workers, size, body: a bad body at a cold lane hears of the cold lane."""
    bad = {"items": 3}
    assert gateway.http.post("/v1/extract/none", json=bad, headers=COLD).status_code == 404
    assert gateway.http.post(PATH, json=bad, headers={"X-SIE-Pool": "a b"}).status_code == 400
    assert gateway.http.post(PATH, json=bad).status_code == 400
    refused = later.http.post(PATH, json=bad, headers=COLD)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "PROVISIONING")
    cold = start("--fleet", "h100=0..1")
    assert cold.http.post(PATH, json=bad, headers=COLD).status_code == 202


def test_the_size_limit_grew(gateway: Running, later: Running) -> None:
    """16 MiB first, 34 MiB later."""
    body = {"items": [{"text": "x" * 17 * 2**20}]}
    assert gateway.http.post(PATH, json=body).json()["detail"]["code"] == "PAYLOAD_TOO_LARGE"
    assert later.http.post(PATH, json=body).status_code == 200


_LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 9},
        {"type": "integer"},
        {"type": "number", "minimum": 2.5},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", 1]},
        {"const": {"x": None}},
        {"type": ["integer", "null"]},
    ]
)


def _nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least},
            inner,
            st.integers(0, 3),
        ),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(
            lambda parts: {"type": "object", "properties": parts, "required": list(parts)}
        ),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=1).map(lambda parts: {"allOf": parts}),
    )


@settings(derandomize=True)
@given(st.recursive(_LEAVES, _nest, max_leaves=8))
def test_instances_fit_their_schema(schema: dict[str, Any]) -> None:
    """A validator of another maker agrees."""
    Draft202012Validator(schema).validate(instance_of(schema))


def test_no_schema_makes_a_large_value() -> None:
    """Sixteen nested arrays of a thousand would be more than there are atoms."""
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(16):
        schema = {"type": "array", "items": schema, "minItems": 1000}
    assert len(str(instance_of(schema))) < 1_000_000


@pytest.mark.parametrize("schema", [None, True, {}, {"type": []}, {"enum": []}, {"$ref": "#"}])
def test_schemas_that_say_nothing(schema: object) -> None:
    """They get null."""
    assert instance_of(schema) is None

"""Encode in every spelling and element type, over real sockets."""

from typing import Any

import msgpack
import numpy as np
import pytest

from tests.sim.process import Running

PATH = "/v1/encode/BAAI/bge-m3"
PACKED = {"accept": "application/msgpack"}


def encode(running: Running, params: dict[str, Any], **items: Any) -> list[Any]:
    """The items of a msgpack answer."""
    body = (items or {"items": [{"text": "one"}]}) | {"params": params}
    reply = running.http.post(PATH, json=body, headers=PACKED)
    assert reply.status_code == 200
    unpacked: list[Any] = msgpack.unpackb(reply.content)["items"]
    return unpacked


@pytest.mark.parametrize(
    ("asked", "kind", "units"),
    [
        ("float16", "<f2", 1024),
        ("int8", "|i1", 1024),
        ("uint8", "|u1", 1024),
        ("binary", "|u1", 128),
        ("ubinary", "|u1", 128),
    ],
)
def test_options_choose_the_element_type(either: Running, asked: str, kind: str, units: int) -> None:
    """Dense and multivector change, sparse weights only to float16, and JSON carries the same numbers."""
    params = {"output_types": ["dense", "sparse", "multivector"], "options": {"output_dtype": asked}}
    (item,) = encode(either, params)
    dense = item["dense"]["values"]
    assert (dense[b"type"], dense[b"shape"], item["dense"]["dims"]) == (kind, [units], 1024)
    assert item["multivector"]["values"][b"shape"] == [3, units]
    assert item["sparse"]["values"][b"type"] == ("<f2" if asked == "float16" else "<f4")
    plain = either.http.post(PATH, json={"items": [{"text": "one"}], "params": params}).json()["items"][0]
    assert plain["dense"]["values"] == np.frombuffer(dense[b"data"], kind).tolist()
    assert len(plain["multivector"]["values"]) == 3


def test_the_names_of_element_types(gateway: Running, later: Running) -> None:
    """0.4 calls whole bytes binary too; 0.10 tells them apart; both give packed bits one name."""
    for running, name in ((gateway, "binary"), (later, "uint8")):
        asked = [{"options": {"output_dtype": kind}} for kind in ("uint8", "ubinary", "float16")]
        named = [encode(running, params)[0]["dense"]["dtype"] for params in asked]
        assert named == [name, "binary", "float16"]


def test_output_dtype_under_params_is_dropped_at_0_4(gateway: Running, later: Running) -> None:
    """There it must stand under options; later it is forwarded and wins."""
    params = {"output_dtype": "int8", "options": {"output_dtype": "float16"}}
    assert encode(gateway, params)[0]["dense"]["dtype"] == "float16"
    assert encode(gateway, {"output_dtype": "int8"})[0]["dense"]["dtype"] == "float32"
    assert encode(later, params)[0]["dense"]["dtype"] == "int8"


def test_an_unknown_element_type_fails_in_the_worker(gateway: Running, later: Running) -> None:
    """So it is a 500 first and the request's fault later."""
    body = {"items": [{"text": "one"}], "params": {"options": {"output_dtype": "int3"}}}
    assert gateway.http.post(PATH, json=body).json()["error"] == "all_items_failed"
    assert later.http.post(PATH, json=body).json()["detail"]["code"] == "INVALID_INPUT"


@pytest.mark.parametrize(
    ("spelling", "count"),
    [
        ({"items": [{"text": "a"}, {"id": "x"}, {"text": "b", "id": "y"}]}, 2),
        ({"input": "a"}, 1),
        ({"input": ["a", "b"]}, 2),
        ({"inputs": ["a", {"text": "b"}]}, 2),
        ({"text": "a"}, 1),
    ],
)
def test_spellings_of_items(either: Running, spelling: dict[str, Any], count: int) -> None:
    """Items, input, inputs or a bare item; one that has only an id vanishes, and no id comes back."""
    items = encode(either, {"is_query": True}, **spelling)
    assert len(items) == count
    assert all(item.keys() == {"dense"} for item in items)


def test_what_is_no_list_and_what_is_no_item(gateway: Running) -> None:
    """A null is no list of items, and a map without any known key is one item that cannot be read."""
    bodies: list[dict[str, object]] = [{"items": None}, {"inputs": "a"}, {"items": []}]
    for body in bodies:
        assert gateway.http.post(PATH, json=body).json()["detail"]["code"] == "INVALID_REQUEST"
    assert gateway.http.post(PATH, json={}).json()["error"] == "all_items_failed"


def test_later_vectors_say_more_of_themselves(gateway: Running, later: Running) -> None:
    """Sparse and multivector results name dimensions and type in 0.10 alone."""
    params = {"output_types": ["sparse", "multivector"]}
    (early,), (late,) = encode(gateway, params), encode(later, params)
    assert (early["sparse"].keys(), early["multivector"].keys()) == ({"indices", "values"}, {"values"})
    assert (late["sparse"]["dims"], late["sparse"]["dtype"]) == (250_002, "float32")
    assert (late["multivector"]["token_dims"], late["multivector"]["num_tokens"]) == (1024, 3)
    body = {"items": [{"text": "one"}], "params": params}
    plain = later.http.post(PATH, json=body).json()["items"][0]
    assert plain["multivector"].keys() == late["multivector"].keys()

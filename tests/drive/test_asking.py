"""From a scenario's class to what is asked, and to the bytes of it."""

import json
from typing import Any

import pytest

from tests.drive.runs import told_by
from tests.workload.scenarios import CHAT, CLASSES, ENCODE, GENERATE, POISSON

LENGTHS = {"distribution": "empirical", "values": [5, 50]}
LATER = {"sim": {"dialect": "0.10"}}
SAMPLING = {"temperature": 0.5, "n": 2, "stop": ["x"]}


def _case(*classes: dict[str, Any], **said: Any) -> dict[str, Any]:
    loop = said.pop("loop", {"arrivals": POISSON})
    return {"scenario": {"name": "test", "duration_s": 10, "classes": classes, **LATER, **loop}, **said}


CASES: dict[str, dict[str, Any]] = {
    **{str(traffic["operation"]): _case(traffic) for traffic in CLASSES},
    "sampling": _case({**CHAT, "sampling": SAMPLING, "extra": {"user": "me"}, "stream_usage": False}),
    "keys": _case({**CHAT, "routing_key": "r-{index}", "prompt_cache_key": "fixed"}, count=3),
    "users": _case(
        {**GENERATE, "prompt_cache_key": "{user}/{index}"}, count=4, loop={"closed_loop": {"users": 2}}
    ),
    "least": _case(
        {**CHAT, "sampling": {"min_tokens": 20}, "output_tokens": LENGTHS},
        count=30,
    ),
    "json": _case({**ENCODE, "wire": "json"}),
    "alike": _case({**CHAT, "input_tokens": 30, "output_tokens": 5}, count=4),
    "estimate": _case(CHAT, estimate=True),
}


@pytest.fixture(scope="module")
def asked() -> dict[str, list[dict[str, Any]]]:
    """The requests of every case, by its name; all from one process."""
    told = told_by("asked", given=json.dumps(list(CASES.values())))
    return dict(zip(CASES, told, strict=True))


def test_every_class_becomes_a_request_of_its_operation(asked: dict[str, list[dict[str, Any]]]) -> None:
    """With as many results due as it says, and a body that holds its own keys."""
    for traffic in CLASSES:
        (ask,) = asked[str(traffic["operation"])]
        assert ask["operation"] == traffic["operation"]
        due = [traffic[key] for key in ("top_n", "documents", "batch_size") if key in traffic]
        assert ask["items"] == (due or [1])[0]
        said = ask["body"] | ask["body"].get("params", {})
        assert all(said[key] == traffic[key] for key in ("labels", "top_n") if key in traffic)
        assert ("stream_options" in said) == (traffic["operation"] == "chat")


def test_sampling_and_other_fields_reach_the_body(asked: dict[str, list[dict[str, Any]]]) -> None:
    """Each under its own name, the class's extra among them."""
    (ask,) = asked["sampling"]
    assert ask["body"].items() >= {**SAMPLING, "user": "me", "stream": True}.items()
    assert "stream_options" not in ask["body"]
    assert ask["choices"] == 2


def test_keys_that_route_are_filled_in(asked: dict[str, list[dict[str, Any]]]) -> None:
    """Each request its own, or each user; a fixed one stays."""
    bodies = [ask["body"] for ask in asked["keys"]]
    assert [body["routing_key"] for body in bodies] == ["r-0", "r-1", "r-2"]
    assert {body["prompt_cache_key"] for body in bodies} == {"fixed"}
    users = [ask["body"]["prompt_cache_key"] for ask in asked["users"]]
    assert users == ["0/0", "1/1", "0/2", "1/3"]


def test_no_request_asks_for_more_tokens_than_its_cap(asked: dict[str, list[dict[str, Any]]]) -> None:
    """Servers refuse a least number of tokens above the greatest."""
    pairs = {(ask["body"]["max_tokens"], ask["body"]["min_tokens"]) for ask in asked["least"]}
    assert pairs == {(5, 5), (50, 20)}


def test_the_wire_is_the_class_s_choice(asked: dict[str, list[dict[str, Any]]]) -> None:
    """Msgpack unless it says JSON, and the same body in both."""
    (packed,), (plain,) = asked["encode"], asked["json"]
    assert (packed["packed"], plain["packed"]) == (True, False)
    assert packed["body"] == plain["body"]


def test_tokens_are_estimated_only_where_that_was_asked_for(asked: dict[str, list[dict[str, Any]]]) -> None:
    """By the class's own length of a token."""
    assert asked["chat"][0]["chars_per_token"] is None
    assert asked["estimate"][0]["chars_per_token"] == 5.0


def test_requests_of_one_class_and_length_differ_in_their_texts(
    asked: dict[str, list[dict[str, Any]]],
) -> None:
    """And in nothing else of their bodies."""
    bodies = [ask["body"] for ask in asked["alike"]]
    texts = [body.pop("messages")[0]["content"] for body in bodies]
    assert len(set(texts)) == len({text[:64] for text in texts}) == 4
    assert bodies[1:] == bodies[:1] * 3


def test_another_try_asks_the_same(asked: dict[str, list[dict[str, Any]]]) -> None:
    """Byte for byte, but for the number of the try, which is the same here."""
    assert all(ask["again"] for case in asked.values() for ask in case)


def test_the_record_says_of_a_request_what_the_schedule_does(asked: dict[str, list[dict[str, Any]]]) -> None:
    """Class, operation, model, tokens and items, each in its place."""
    assert all(ask["as_scheduled"] for case in asked.values() for ask in case)

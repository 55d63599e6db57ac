"""What a gateway says of itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.protocol import (
    News,
    dialect_of,
    holding,
    live_workers,
    names_workers,
    read_pool,
    same_model,
    serving,
    standing,
)

WORKERS = [
    {"gpu": "l4", "healthy": True, "loaded_models": ["Qwen/Qwen3-4B"]},
    {"gpu": "l4", "healthy": True, "loaded_models": ["BAAI/bge-m3"]},
    {"gpu": "l4-spot", "healthy": False, "loaded_models": ["Qwen/Qwen3-4B"]},
    {"gpu": "a100-40gb", "healthy": True, "loaded_models": ["Qwen/Qwen3-4B", "Qwen/Qwen3-0.6B"]},
]


def test_only_healthy_workers_count() -> None:
    """One that lost its heartbeat is listed, but serves nobody."""
    assert live_workers({"workers": WORKERS}) == {"l4": 2, "a100-40gb": 1}


def test_workers_serve_the_models_that_they_loaded() -> None:
    """Under the spelling that was asked for, per profile."""
    found = serving({"workers": WORKERS}, ["qwen__qwen3-4b", "BAAI/bge-m3", "none"])
    assert found == {"qwen__qwen3-4b": {"l4": 1, "a100-40gb": 1}, "BAAI/bge-m3": {"l4": 1}, "none": {}}


@pytest.mark.parametrize(
    ("loaded", "bundles", "there", "having"),
    [
        ([["Qwen/Qwen3-4B"], []], ["sglang", "sglang"], ["w-0", "w-1"], ["w-0"]),
        ([["Qwen/Qwen3-4B"], []], ["sglang", "default"], ["w-0"], ["w-0"]),
        ([["Qwen/Qwen3-4B"], []], ["sglang", None], ["w-0", "w-1"], ["w-0"]),
        ([["Qwen/Qwen3-4B"], ["BAAI/bge-m3"]], [None, None], ["w-0"], ["w-0"]),
        ([[], []], ["sglang", "default"], ["w-0", "w-1"], []),
    ],
    ids=["may load it", "of another bundle", "bundle not told", "of another model", "nobody has it"],
)
def test_a_worker_without_a_model_may_be_the_lane_s(
    loaded: list[list[str]], bundles: list[str | None], there: list[str], having: list[str]
) -> None:
    """It may load the model next, unless it is of a bundle that has not got it."""
    health = {
        "workers": [
            {"name": f"w-{n}", "gpu": "L4", "healthy": True, "loaded_models": models, "bundle": bundle}
            for n, (models, bundle) in enumerate(zip(loaded, bundles, strict=True))
        ]
    }
    assert standing(health, "qwen/qwen3-4b", ["l4"]) == there
    assert holding(health, "qwen/qwen3-4b", ["l4"]) == having
    assert standing(health, "qwen/qwen3-4b", ["a100-40gb"]) == []


@pytest.mark.parametrize(
    ("health", "told"),
    [
        ({"workers": [{"name": "w"}, {"url": "http://w"}]}, True),
        ({"workers": [], "cluster": {"worker_count": 0}}, True),
        ({"workers": [], "cluster": {"worker_count": 2}}, False),
        ({"workers": [{"name": "w"}, {"gpu": "l4"}]}, False),
        ({"cluster": None}, False),
    ],
)
def test_whether_workers_are_told_apart(health: dict[str, Any], told: bool) -> None:
    """Each has a name or an address, and none is only counted."""
    assert names_workers(health) == told


def test_news_are_told_once_and_again_after_an_absence() -> None:
    """A worker joins before its model is loaded; one that comes back under its old name is news again."""
    bare = {"name": "w-0", "gpu": "l4", "healthy": True, "loaded_models": []}
    news, asked = News(), ["qwen__qwen3-4b"]
    assert news.of({"workers": [bare]}, asked) == {"joined": {"w-0": "l4"}, "loaded": {}}
    ready = bare | {"loaded_models": ["Qwen/Qwen3-4B"]}
    assert news.of({"workers": [ready]}, asked) == {"joined": {}, "loaded": {"qwen__qwen3-4b": ["w-0"]}}
    assert news.of({"workers": [ready]}, asked) == {"joined": {}, "loaded": {}}
    assert news.of({"workers": [ready | {"healthy": False}]}, asked) == {"joined": {}, "loaded": {}}
    again = news.of({"workers": [ready]}, asked)
    assert again == {"joined": {"w-0": "l4"}, "loaded": {"qwen__qwen3-4b": ["w-0"]}}


@pytest.mark.parametrize(
    ("told", "version", "health", "dialect", "source"),
    [
        ("0.4", "0.10.1", {}, "0.4", "told"),
        ("0.10", None, {}, "0.10", "told"),
        ("auto", "0.4.1", {}, "0.4", "version"),
        ("auto", "0.6.4", {}, "0.4", "version"),
        ("auto", "0.6.5", {}, "0.10", "version"),
        ("auto", "0.10.1", {}, "0.10", "version"),
        ("auto", "v1.0", {}, "0.10", "version"),
        ("auto", "main", {"pending_generation": 0}, "0.10", "health"),
        ("auto", None, {}, "0.4", "health"),
    ],
)
def test_the_dialect(
    told: str, version: str | None, health: dict[str, int], dialect: str, source: str
) -> None:
    """0.6.5 is where cold lanes began to answer 503; 0.10 is later than 0.6 although it sorts before it."""
    assert dialect_of(told, version, health) == (dialect, source)


@pytest.mark.parametrize("other", ["baai/BGE-M3", "BAAI__bge-m3", "default:/BAAI/bge-m3"])
def test_spellings_of_one_model(other: str) -> None:
    """Case, underscores for the slash, and the bundle before it do not matter."""
    assert same_model("BAAI/bge-m3", other)


@given(st.binary(max_size=200))
def test_a_pool_that_is_none_is_a_value_error(body: bytes) -> None:
    """Whatever a server answers, only the declared error comes out."""
    with pytest.raises(ValueError, match="no pool"):
        read_pool(body)

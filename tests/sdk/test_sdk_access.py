"""Keys, and watching the cluster over a WebSocket."""

import pytest

from tests.sdk.clients import Client, sie_sdk
from tests.sdk.conftest import Connect, Start

ENCODE = ("BAAI/bge-m3", {"text": "x"})


@pytest.fixture(scope="module")
def guarded(start: Start) -> str:
    """A gateway that asks for a token."""
    tokens = {"BENCH_TOKENS": "alpha", "BENCH_ADMIN": "omega"}
    options = ("--auth", "static", "--token-env", "BENCH_TOKENS", "--admin-token-env", "BENCH_ADMIN")
    return start("--fleet", "l4=1", *options, **tokens)


def test_the_right_key_opens(connect: Connect, guarded: str) -> None:
    """Inference, health and the WebSocket."""
    client = connect(guarded, api_key="alpha")
    assert client.call("encode", *ENCODE)["dense"].shape == (1024,)
    assert client.call("get_capacity")["worker_count"] == 2
    assert client.first("watch", 1, mode="cluster")[0]["cluster"]["worker_count"] == 2


@pytest.mark.parametrize("options", [{}, {"api_key": "delta"}])
def test_a_wrong_key_is_a_request_error(connect: Connect, guarded: str, options: dict[str, str]) -> None:
    """At once, without a retry."""
    client = connect(guarded, **options)
    with pytest.raises(sie_sdk.RequestError):
        client.call("encode", *ENCODE)
    with pytest.raises(sie_sdk.RequestError, match="401"):
        client.first("watch", 1, mode="cluster")


def test_pools_need_a_key_of_their_own(connect: Connect, guarded: str) -> None:
    """The one for inference may not make a pool, the one for pools may do nothing else."""
    with pytest.raises(sie_sdk.PoolError, match="Admin token required"):
        connect(guarded, api_key="alpha").call("create_pool", "p", {"l4": 1})
    admin = connect(guarded, api_key="omega")
    admin.call("create_pool", "p", {"l4": 1})
    with pytest.raises(sie_sdk.RequestError):
        admin.call("encode", *ENCODE)
    assert admin.call("delete_pool", "p") is True


def test_watching(client: Client) -> None:
    """It finds out by itself that this is a gateway, and hears from it once a second."""
    first, second = client.first("watch", 2)
    assert 0.95 < second["timestamp"] - first["timestamp"] < 10
    assert len(first["workers"]) == first["cluster"]["worker_count"] == 6
    assert {"BAAI/bge-m3"} <= {model["name"] for model in first["models"]}

"""A batch of which one item cannot be encoded: a 200 with a short list."""

import pytest

from tests.sdk.clients import VERSION, Client, errors

BATCH = [{"text": "one"}, {"images": []}, {"text": "three"}]


@pytest.mark.skipif(VERSION != "0.4.1", reason="later SDKs count")
def test_0_4_1_returns_the_short_list(client: Client) -> None:
    """Nothing tells which item is missing."""
    assert len(client.call("encode", "BAAI/bge-m3", BATCH)) == 2


@pytest.mark.skipif(VERSION == "0.4.1", reason="0.4.1 does not count")
def test_0_10_1_raises(client: Client) -> None:
    """A count that does not match is an error of its own."""
    with pytest.raises(errors.IncompleteBatchError):
        client.call("encode", "BAAI/bge-m3", BATCH)

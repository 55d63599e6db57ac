"""Every client method of the contract, against a warm gateway."""

import time

import pytest

from tests.sdk.clients import VERSION, Client, sie_sdk

MODEL = "Qwen/Qwen3-0.6B"
ENCODER = "BAAI/bge-m3"
EXTRACTOR = "urchade/gliner_multi-v2.1"
RERANKER = "BAAI/bge-reranker-v2-m3"
MESSAGES = [{"role": "user", "content": "hello " * 20}]


def test_encode_gives_every_kind_of_output_for_a_batch(client: Client) -> None:
    """Dense, sparse and multivector results are arrays of the shapes that the model card names."""
    items = [{"text": "one"}, {"text": "a second, longer text"}, {"text": "three"}]
    kinds = ["dense", "sparse", "multivector"]
    results = client.call("encode", ENCODER, items, output_types=kinds, is_query=True)
    assert len(results) == 3
    for result in results:
        assert result["dense"].shape == (1024,)
        assert result["sparse"]["indices"].shape == result["sparse"]["values"].shape
        assert result["multivector"].shape[1] == 1024


def test_encode_takes_a_single_item(client: Client) -> None:
    """One item in, one result out; dense is what comes when nothing else is asked for."""
    result = client.call("encode", ENCODER, {"text": "alone"}, gpu="l4")
    assert result["dense"].dtype == "float32"
    assert "sparse" not in result


def test_encode_in_other_element_types(client: Client) -> None:
    """Options always choose the type; the parameter of its own is lost on the way at 0.4."""
    for asked, shape in (("float16", (1024,)), ("int8", (1024,)), ("binary", (128,))):
        vector = client.call("encode", ENCODER, {"text": "x"}, options={"output_dtype": asked})["dense"]
        assert (vector.shape, vector.dtype) == (shape, "uint8" if asked == "binary" else asked)
    vector = client.call("encode", ENCODER, {"text": "x"}, output_dtype="int8")["dense"]
    assert vector.dtype == ("float32" if VERSION == "0.4.1" else "int8")


def test_extract_finds_a_word_for_each_label(client: Client) -> None:
    """A list in, a list out, with ids only in the later dialect; one item in, one result out."""
    items = [{"text": "Ada met Charles", "id": "a"}, {"text": "In London"}]
    results = client.call("extract", EXTRACTOR, items, labels=["person", "place"])
    assert [result.get("id") for result in results] == [None if VERSION == "0.4.1" else "a", None]
    for item, result in zip(items, results, strict=True):
        assert [entity["label"] for entity in result["entities"]] == ["person", "place"]
        assert all(item["text"][e["start"] : e["end"]] == e["text"] for e in result["entities"])
        assert len(result["classifications"]) == 2
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    alone = client.call("extract", EXTRACTOR, {"text": "x"}, output_schema=schema, instruction="how old?")
    assert (alone["data"], alone["entities"]) == ({"age": 0}, [])


def test_score_ranks_from_the_best(client: Client) -> None:
    """Each document comes back once, best first, with the rank counted from 0."""
    documents = [{"text": "a", "id": "mine"}, {"text": "b"}, {"text": "c"}]
    scores = client.call("score", RERANKER, {"text": "q"}, documents)["scores"]
    assert [entry["rank"] for entry in scores] == [0, 1, 2]
    assert {entry["item_id"] for entry in scores} >= {"mine"}


def test_generate_whole(client: Client) -> None:
    """The whole reply has text, usage and the times that only this shape carries."""
    result = client.call("generate", MODEL, "hello", max_new_tokens=12)
    assert result["finish_reason"] == "length"
    assert result["usage"]["completion_tokens"] == 12
    assert result["ttft_ms"] > 0
    assert result["attempt_id"]


def test_generate_stream(client: Client) -> None:
    """The text comes in pieces and the last one alone says that it is done."""
    chunks = client.stream("stream_generate", MODEL, "hello", max_new_tokens=40)
    assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len("".join(chunk["text_delta"] for chunk in chunks)) == 160
    assert chunks[-1]["usage"]["completion_tokens"] == 40


def test_chat_whole(client: Client) -> None:
    """The whole reply is an OpenAI completion."""
    reply = client.call("chat_completions", MODEL, MESSAGES, max_tokens=8)
    assert reply["object"] == "chat.completion"
    assert reply["choices"][0]["message"]["role"] == "assistant"
    assert reply["usage"]["completion_tokens"] == 8


def test_chat_stream(client: Client) -> None:
    """The role rides with the first text, and usage comes alone at the end when it was asked for."""
    options = {"extra_body": {"stream_options": {"include_usage": True}}}
    chunks = client.stream("stream_chat_completions", MODEL, MESSAGES, max_tokens=40, **options)
    assert chunks[0]["choices"][0]["delta"].keys() == {"role", "content"}
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["completion_tokens"]) == ([], 40)


def test_models(client: Client) -> None:
    """The list has every model, and each can be asked for by its name."""
    assert {ENCODER, MODEL, RERANKER} <= {model["name"] for model in client.call("list_models")}
    model = client.call("get_model", ENCODER)
    assert (model["name"], model["loaded"]) == (ENCODER, True)
    with pytest.raises(sie_sdk.RequestError):
        client.call("get_model", "none")


def test_capacity_counts_the_workers_of_that_name(client: Client) -> None:
    """Without a GPU all workers count, with one only those of that name, and an alias finds none."""
    everything = client.call("get_capacity")
    assert everything["worker_count"] == len(everything["workers"]) == 6
    assert client.call("get_capacity", gpu="a100-40gb")["worker_count"] == 2
    assert client.call("get_capacity", gpu="l4-spot")["worker_count"] == 0


def test_wait_for_capacity_returns_when_workers_are_live(client: Client) -> None:
    """Where workers are live it returns at once, with and without a model to warm up."""
    assert client.call("wait_for_capacity", "l4", timeout_s=10)["worker_count"] == 4
    assert client.call("wait_for_capacity", "l4", model=ENCODER, timeout_s=10)["worker_count"] == 4


def test_pool_life_cycle(client: Client) -> None:
    """A pool is made, gets its workers within 5 s, is used through `gpu="pool/profile"`, and deleted once."""
    client.call("create_pool", "lab", {"l4": 1})
    assert client.call("get_pool", "lab")["name"] == "lab"
    deadline_s = time.monotonic() + 20
    while client.call("get_pool", "lab")["status"]["state"] != "active":
        assert time.monotonic() < deadline_s
        time.sleep(0.5)
    assert client.call("encode", ENCODER, {"text": "x"}, gpu="lab/l4")["dense"].shape == (1024,)
    assert client.call("delete_pool", "lab") is True
    assert client.call("get_pool", "lab") is None
    assert client.call("delete_pool", "lab") is False


def test_a_pool_that_cannot_be_is_a_pool_error(client: Client) -> None:
    """The gateway's reason reaches the user of the SDK."""
    with pytest.raises(sie_sdk.PoolError, match="b200"):
        client.call("create_pool", "lab", {"b200": 1})

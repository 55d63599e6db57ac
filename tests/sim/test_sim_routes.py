"""The 0.4 wire contract, over real sockets."""

import json
from typing import Any

import msgpack
import numpy as np
import pytest

from tests.sim.process import Running

CHAT = {"model": "Qwen/Qwen3-4B", "messages": [{"role": "user", "content": "x" * 400}], "max_tokens": 20}
PROMPT = {"prompt": "y" * 400, "max_new_tokens": 20}
STRANGE_OPTION = {"stream_options": {"x": 1}}
ITEMS = {"items": [{"text": "one"}, {"text": "two"}]}


def events(text: str) -> list[Any]:
    """The JSON of each event; the last must be [DONE]."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_health_lists_workers_and_says_that_it_is_simulated(gateway: Running) -> None:
    """/health has the contract's keys and marks every result made from it as simulated."""
    body = gateway.http.get("/health").json()
    assert body["type"] == "gateway"
    assert body["status"] == "healthy"
    assert body["configured_gpu_types"] == ["l4", "a100-40gb", "h100", "l4-spot"]
    assert "h100" not in body["live_gpu_types"]
    assert set(body["simulated"].pop("late")) == {"writes", "p50_ms", "p99_ms", "max_ms"}
    assert body["simulated"] == {"cold_start_scale": 1.0, "seed": 1, "fleet": gateway.said["fleet"]}
    keys = {"name", "gpu", "bundle", "healthy", "queue_depth", "loaded_models", "memory_total_bytes"}
    assert keys <= set(body["workers"][0])
    assert body["cluster"]["worker_count"] == len(body["workers"]) == 6


def test_probes_and_models(gateway: Running) -> None:
    """Probes are plain text; a model is found in any spelling, and an unknown one is a native 404."""
    assert gateway.http.get("/readyz").text == gateway.http.get("/healthz").text == "ok"
    names = {model["name"] for model in gateway.http.get("/v1/models").json()["models"]}
    assert {"Qwen/Qwen3-4B", "BAAI/bge-m3", "BAAI/bge-reranker-v2-m3"} <= names
    for spelling in ("BAAI/bge-m3", "BAAI%2Fbge-m3", "baai__BGE-M3"):
        assert gateway.http.get(f"/v1/models/{spelling}").json()["id"] == "BAAI/bge-m3"
    missing = gateway.http.get("/v1/models/none")
    assert (missing.status_code, missing.json()["detail"]["code"]) == (404, "MODEL_NOT_FOUND")


def test_chat_stream_has_role_with_first_text_and_usage_without_choices(gateway: Running) -> None:
    """The shapes that fool clients: role beside text, empty choices on usage, no version headers."""
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    reply = gateway.http.post("/v1/chat/completions", json=body)
    assert reply.headers["content-type"] == "text/event-stream"
    assert "x-sie-version" not in reply.headers
    assert "x-sie-request-id" in reply.headers
    chunks = events(reply.text)
    assert chunks[0]["choices"][0]["delta"].keys() == {"role", "content"}
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 20
    assert chunks[-1]["usage"]["prompt_tokens"] == 108
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert len(text) == 80


def test_chat_stream_without_include_usage_has_none(gateway: Running) -> None:
    """Usage is only there when asked for."""
    reply = gateway.http.post("/v1/chat/completions", json=CHAT | {"stream": True})
    assert not any("usage" in chunk for chunk in events(reply.text))


def test_whole_chat_reply(gateway: Running) -> None:
    """The non-streaming reply has usage and queue headers, but no timing of its own."""
    reply = gateway.http.post("/v1/chat/completions", json=CHAT)
    body = reply.json()
    assert body["object"] == "chat.completion"
    assert body["usage"] == {"prompt_tokens": 108, "completion_tokens": 20, "total_tokens": 128}
    assert "ttft_ms" not in body
    assert reply.headers["x-sie-version"] == "0.4.1"
    assert reply.headers["x-sie-worker"] == f"queue:{reply.headers['x-sie-request-id']}"
    assert float(reply.headers["x-queue-wait-time"]) > 0


def test_generate_stream_and_whole(gateway: Running) -> None:
    """The terminal event alone has usage and TTFT; tpot_ms and attempt_id exist only without a stream."""
    path = "/v1/generate/Qwen__Qwen3-4B"
    chunks = events(gateway.http.post(path, json=PROMPT | {"stream": True}).text)
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))
    assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1]["usage"]["prompt_tokens"] == 100
    assert "usage" not in chunks[0]
    packed = msgpack.packb({b"prompt": "y" * 400, "max_new_tokens": 20})
    headers = {"content-type": "application/msgpack", "accept": "application/msgpack"}
    reply = gateway.http.post(path, content=packed, headers=headers)
    assert reply.headers["content-type"] == "application/x-msgpack"
    body = msgpack.unpackb(reply.content)
    assert {"ttft_ms", "tpot_ms", "attempt_id", "text", "usage"} <= body.keys()
    assert "x-inference-time" not in reply.headers


def test_encode_arrays_are_maps_with_binary_keys_in_order(gateway: Running) -> None:
    """msgpack arrays start with the exact bytes of the contract, and JSON carries the same numbers."""
    body = ITEMS | {"params": {"output_types": ["dense", "sparse", "multivector"]}}
    reply = gateway.http.post("/v1/encode/BAAI/bge-m3", json=body, headers={"accept": "application/msgpack"})
    assert bytes.fromhex("85c4026e64c3c40474797065a33c6634c4046b696e64c400c4057368617065") in reply.content
    items = msgpack.unpackb(reply.content)["items"]
    dense = items[1]["dense"]["values"]
    assert list(dense) == [b"nd", b"type", b"kind", b"shape", b"data"]
    vector = np.frombuffer(dense[b"data"], dense[b"type"])
    assert vector.shape == tuple(dense[b"shape"]) == (1024,)
    assert items[0]["sparse"]["indices"][b"type"] == "<i4"
    assert items[0]["multivector"]["values"][b"shape"] == [3, 1024]
    plain = gateway.http.post("/v1/encode/BAAI__bge-m3", json=body)
    assert plain.headers["content-type"] == "application/json"
    assert plain.json()["items"][1]["dense"]["values"] == vector.tolist()
    assert {"x-queue-time", "x-inference-time"} <= set(plain.headers)


def test_encode_leaves_out_items_without_text(gateway: Running) -> None:
    """A partly failed batch is a short list and a 200; a wholly failed one has a string for an error."""
    path = "/v1/encode/BAAI/bge-m3"
    partial = gateway.http.post(path, json={"items": [{"text": "a"}, {"images": []}]})
    assert (partial.status_code, len(partial.json()["items"])) == (200, 1)
    failed = gateway.http.post(path, json={"items": [{"images": []}]})
    assert (failed.status_code, failed.json()["error"]) == (500, "all_items_failed")


def test_scores_are_ranked_from_zero(gateway: Running) -> None:
    """Scores fall, ranks count from 0, and items without an id get one."""
    body = {"query": {"text": "q"}, "items": [{"text": "a"}, {"text": "b", "id": "mine"}, {"text": "c"}]}
    scores = gateway.http.post("/v1/score/BAAI/bge-reranker-v2-m3", json=body).json()["scores"]
    assert [entry["rank"] for entry in scores] == [0, 1, 2]
    assert [entry["score"] for entry in scores] == sorted((e["score"] for e in scores), reverse=True)
    assert {entry["item_id"] for entry in scores} == {"item-0", "mine", "item-2"}


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "code"),
    [
        ("/v1/chat/completions", CHAT | {"min_p": 1}, 400, "min_p", "unsupported_field"),
        ("/v1/chat/completions", CHAT | STRANGE_OPTION, 400, "stream_options", "unsupported_field"),
        ("/v1/chat/completions", CHAT | {"top_p": 0}, 400, "top_p", "invalid_request"),
        ("/v1/chat/completions", CHAT | {"model": "none"}, 404, "model", "model_not_found"),
        (
            "/v1/chat/completions",
            CHAT | {"max_tokens": 5000},
            400,
            "max_completion_tokens",
            "invalid_request",
        ),
        ("/v1/chat/completions", CHAT | {"messages": []}, 400, "messages", "invalid_request"),
        ("/v1/generate/Qwen%2FQwen3-4B", PROMPT, 400, "model", "invalid_request"),
        ("/v1/generate/Qwen__Qwen3-4B", PROMPT | {"top_k": 5}, 400, "top_k", "unsupported_field"),
        ("/v1/generate/Qwen__Qwen3-4B", {"prompt": "x"}, 400, "max_new_tokens", "invalid_request"),
        ("/v1/generate/none", PROMPT, 404, "model", "model_not_found"),
    ],
)
def test_refusals_in_the_openai_envelope(
    gateway: Running, path: str, body: dict[str, Any], status: int, param: str, code: str
) -> None:
    """Chat and generate name the field that is wrong."""
    reply = gateway.http.post(path, json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (status, param, code)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/encode/none", ITEMS, 404, "MODEL_NOT_FOUND"),
        ("/v1/encode/BAAI/bge-m3", {"items": []}, 400, "INVALID_REQUEST"),
        ("/v1/encode/BAAI/bge-m3", {"items": 3}, 400, "INVALID_REQUEST"),
        ("/v1/encode/sglang:/BAAI/bge-m3", ITEMS, 409, "BUNDLE_ROUTING_CONFLICT"),
        ("/v1/score/BAAI/bge-reranker-v2-m3", ITEMS, 400, "INVALID_REQUEST"),
    ],
)
def test_refusals_in_the_native_envelope(
    gateway: Running, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    """Encode and score answer with `detail`."""
    reply = gateway.http.post(path, json=body)
    assert (reply.status_code, reply.json()["detail"]["code"]) == (status, code)


def test_an_unknown_gpu_is_native_on_generate_and_openai_on_chat(gateway: Running) -> None:
    """The one path on which generate leaves its envelope."""
    headers = {"X-SIE-MACHINE-PROFILE": "b200"}
    native = gateway.http.post("/v1/generate/Qwen__Qwen3-4B", json=PROMPT, headers=headers)
    assert native.status_code == 503
    assert native.json()["detail"]["configured_gpu_types"] == ["l4", "a100-40gb", "h100", "l4-spot"]
    chat = gateway.http.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert chat.status_code == 503
    assert chat.json()["error"]["code"] == "transport_failure"
    assert "retry-after" not in chat.headers


def test_named_pools_serve_their_own_or_nobody(gateway: Running) -> None:
    """A pool of the fleet serves; any other has no consumers; a name with a slash overrides the header."""
    path = "/v1/encode/BAAI/bge-m3"
    assert gateway.http.post(path, json=ITEMS, headers={"X-SIE-Pool": "lab"}).status_code == 200
    headers = {"X-SIE-Pool": "nobody", "X-SIE-MACHINE-PROFILE": "lab/L4-Spot"}
    assert gateway.http.post(path, json=ITEMS, headers=headers).status_code == 200
    lost = gateway.http.post(path, json=ITEMS, headers={"X-SIE-Pool": "nobody"})
    assert (lost.status_code, lost.json()["detail"]["code"]) == (503, "QUEUE_UNAVAILABLE")
    assert lost.headers["retry-after"] == "120"
    bad = gateway.http.post(path, json=ITEMS, headers={"X-SIE-Pool": "a b"})
    assert (bad.status_code, bad.json()["detail"]["code"]) == (400, "INVALID_REQUEST")


def test_context_overflow_is_a_status_or_an_event(gateway: Running) -> None:
    """The same error is a 400 without a stream and an error inside a 200 with one."""
    body = CHAT | {"messages": [{"role": "user", "content": "z" * 4 * 33_000}]}
    whole = gateway.http.post("/v1/chat/completions", json=body)
    assert (whole.status_code, whole.json()["error"]["type"]) == (400, "context_length_exceeded")
    streamed = gateway.http.post("/v1/chat/completions", json=body | {"stream": True})
    assert streamed.status_code == 200
    (event,) = events(streamed.text)
    assert event["error"]["code"] == "context_exceeded"
    assert event["choices"][0]["finish_reason"] is None


def test_a_body_over_the_limit_is_413(gateway: Running) -> None:
    """Generate takes at most 4 MiB."""
    body = {"prompt": "x" * 5 * 2**20, "max_new_tokens": 1}
    reply = gateway.http.post("/v1/generate/Qwen__Qwen3-4B", json=body)
    assert reply.status_code == 413


def test_a_capped_pool_without_workers_is_provisioning_for_ever(gateway: Running) -> None:
    """Caps turn "no consumers" into 202 on native routes, and chat does not look at them."""
    assert gateway.http.post("/v1/pools", json={"name": "capped", "gpu_caps": {"l4": 1}}).status_code == 201
    headers = {"X-SIE-Pool": "capped"}
    assert gateway.http.post("/v1/encode/BAAI/bge-m3", json=ITEMS, headers=headers).status_code == 202
    assert gateway.http.post("/v1/chat/completions", json=CHAT, headers=headers).status_code == 503

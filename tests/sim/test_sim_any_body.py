"""Bodies that nobody thought of still get an answer that a client can read."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.process import Running

BASES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "Qwen/Qwen3-4B", "messages": [{"role": "user", "content": "x"}]},
    "/v1/completions": {"model": "Qwen/Qwen3-4B", "prompt": "x"},
    "/v1/responses": {"model": "Qwen/Qwen3-4B", "input": "x"},
    "/v1/generate/Qwen__Qwen3-4B": {"prompt": "x"},
    "/v1/encode/BAAI/bge-m3": {"items": [{"text": "x"}]},
    "/v1/score/BAAI/bge-reranker-v2-m3": {"query": {"text": "x"}, "items": [{"text": "x"}]},
    "/v1/extract/urchade/gliner_multi-v2.1": {"items": [{"text": "x"}]},
    "/v1/embeddings": {"model": "BAAI/bge-m3", "input": "x"},
    "/v1/rerank": {"model": "BAAI/bge-reranker-v2-m3", "query": "q", "documents": ["a"]},
    "/v1/pools": {"name": "p", "gpus": {"l4": 1}},
}
LIMITS = {
    "/v1/chat/completions": "max_tokens",
    "/v1/completions": "max_tokens",
    "/v1/responses": "max_output_tokens",
    "/v1/generate/Qwen__Qwen3-4B": "max_new_tokens",
}
KEYS = st.sampled_from(
    [
        *("model", "messages", "n", "best_of", "logprobs", "top_logprobs", "tools", "tool_choice", "stream"),
        *("response_format", "grammar", "lora_adapter", "stop", "stream_options", "logit_bias", "prompt"),
        *("items", "input", "inputs", "params", "query", "documents", "top_n", "options", "encoding_format"),
        *("name", "gpus", "gpu_caps", "ttl_seconds", "bundle", "queue_pool", "pinned_models", "text"),
    ]
)
WORDS = st.sampled_from(
    [
        *("text", "type", "function", "name", "parameters", "role", "user", "tool", "content", "json_schema"),
        *(
            "schema",
            "output_types",
            "options",
            "output_dtype",
            "labels",
            "output_schema",
            "dense",
            "id",
            "l4",
        ),
        *("default", "auto", "required", "json_object", "int8", "items", "enum", "const", ""),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 200) | st.just(10**30) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(path=st.sampled_from(sorted(BASES)), change=st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_any_body_is_answered(either: Running, path: str, change: dict[str, Any]) -> None:
    """With success, or with a refusal in JSON or, from the reader of pools, in plain words; never a crash."""
    body = BASES[path] | change | ({LIMITS[path]: 2} if path in LIMITS else {})
    content = json.dumps(body).encode()
    reply = either.http.post(path, content=content, headers={"content-type": "application/json"})
    kind = reply.headers["content-type"]
    if reply.status_code == 500:
        assert reply.json()["error"]
    if kind == "application/json":
        json.loads(reply.content)
    else:
        assert kind == "text/event-stream" or path == "/v1/pools" or reply.status_code == 404

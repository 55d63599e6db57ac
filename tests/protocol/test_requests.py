import json
from typing import Any

import httptools
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.protocol import Ask, Endpoint, render
from tests.protocol.wire import OPERATIONS, asking

SIE = Endpoint("sie", "http://gateway:8080", "sk-secret")


class Parsed:
    """A request as a server's parser reads it."""

    def __init__(self, wire: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.path, self.body, self.ended = "", b"", 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(wire)
        self.method = parser.get_method()
        self.version = parser.get_http_version()

    def on_url(self, url: bytes) -> None:
        """Keep the path."""
        self.path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        assert name.decode().lower() not in self.headers
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, piece: bytes) -> None:
        """Keep the body."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Count requests."""
        self.ended += 1


def _parsed(ask: Ask, endpoint: Endpoint = SIE) -> Parsed:
    return Parsed(render(endpoint, ask, f"00-{'1' * 32}-{'2' * 16}-01"))


@settings(max_examples=60)
@given(
    st.sampled_from(OPERATIONS),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_a_request_is_exactly_one_valid_http_request(
    operation: Any, texts: list[str], stream: bool, model: str
) -> None:
    """Whatever the texts and the model's name hold."""
    parsed = _parsed(Ask(operation=operation, model=model, texts=tuple(texts), stream=stream))
    assert (parsed.method, parsed.version, parsed.ended) == (b"POST", "1.1", 1)
    assert int(parsed.headers["content-length"]) == len(parsed.body)
    assert parsed.headers["host"] == "gateway:8080"
    assert parsed.headers["traceparent"].startswith("00-1")


def test_a_streamed_chat_asks_for_usage() -> None:
    """Without that a stream has none; sampling is passed on, what was left out is not sent."""
    ask = Ask(
        operation="chat",
        model="Qwen/Qwen3-4B",
        texts=("hi",),
        stream=True,
        max_tokens=8,
        params={"temperature": 0},
    )
    parsed = _parsed(ask)
    assert (parsed.path, parsed.headers["accept"]) == ("/v1/chat/completions", "text/event-stream")
    assert json.loads(parsed.body) == {
        "model": "Qwen/Qwen3-4B",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 8,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_path_of_generate_has_no_slash_in_its_model() -> None:
    """Not even an encoded one; and its body holds nothing that its strict field list refuses."""
    parsed = _parsed(asking("generate", "hi", stream=True))
    assert parsed.path == "/v1/generate/BAAI__m"
    assert json.loads(parsed.body) == {"prompt": "hi", "max_new_tokens": 8, "stream": True}
    whole = _parsed(asking("generate", "hi"))
    assert (whole.headers["accept"], "stream" in json.loads(whole.body)) == ("application/json", False)


PATHS = {
    "chat": "/v1/chat/completions",
    "completion": "/v1/completions",
    "generate": "/v1/generate/BAAI__m",
    "encode": "/v1/encode/BAAI/m",
    "score": "/v1/score/BAAI/m",
    "extract": "/v1/extract/BAAI/m",
    "embed": "/v1/embeddings",
    "rerank": "/v1/rerank",
}
ITEMS = [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("wire", ["msgpack", "json"])
def test_each_operation_has_its_route_and_the_native_ones_a_choice_of_wire(operation: Any, wire: Any) -> None:
    """What is sent is also what is asked for; OpenAI's routes and generate know JSON only."""
    parsed = _parsed(asking(operation, wire=wire))
    packed = wire == "msgpack" and operation in {"encode", "score", "extract"}
    assert parsed.path == PATHS[operation]
    kinds = {parsed.headers[name] for name in ("accept", "content-type")}
    assert kinds == {"application/msgpack" if packed else "application/json"}
    tree = msgpack.unpackb(parsed.body) if packed else json.loads(parsed.body)
    assert ("model" in tree) == (parsed.path == PATHS[operation] and "BAAI" not in parsed.path)


def _tree(ask: Ask) -> Any:
    return json.loads(_parsed(replace(ask, wire="json")).body)


def test_parameters_stand_where_each_route_reads_them() -> None:
    """Nested for encode and extract, at the top for the others."""
    said = {"instruction": "Find", "options": {"profile": "fast"}}
    assert _tree(asking("encode")) == {"items": ITEMS, "params": {"output_types": ["dense"]}}
    encode = asking("encode", params={**said, "output_types": ["sparse"]})
    assert _tree(encode) == {"items": ITEMS, "params": {**said, "output_types": ["sparse"]}}
    assert _tree(asking("extract")) == {"items": ITEMS}
    assert _tree(asking("extract", params={**said, "labels": ["x"]})) == {
        "items": ITEMS,
        "params": {**said, "labels": ["x"]},
    }
    score = asking("score", "q", "a", "b", params=said)
    assert _tree(score) == {"query": {"text": "q"}, "items": ITEMS, **said}
    assert _tree(asking("embed", params={"dimensions": 8})) == {
        "model": "BAAI/m",
        "input": ["a", "b"],
        "dimensions": 8,
    }
    rerank = asking("rerank", "q", "a", "b", params={"top_n": 1})
    assert _tree(rerank) == {"model": "BAAI/m", "query": "q", "documents": ["a", "b"], "top_n": 1}


def test_type_and_query_flag_are_options_because_both_dialects_read_them_there() -> None:
    """Under params the older gateway drops the one, and a worker the other."""
    ask = asking("encode", params={"output_dtype": "int8", "is_query": True, "options": {"a": 1}})
    options = {"a": 1, "output_dtype": "int8", "is_query": True}
    assert _tree(ask)["params"] == {"output_types": ["dense"], "options": options}
    assert ask.params["options"] == {"a": 1}


def test_a_completion_is_a_bare_prompt() -> None:
    """Its usage is asked for as a chat's is, and not where that was switched off."""
    ask = asking("completion", "hi", stream=True)
    tree = {"model": "BAAI/m", "prompt": "hi", "max_tokens": 8, "stream": True}
    assert _tree(ask) == {**tree, "stream_options": {"include_usage": True}}
    assert _tree(replace(ask, stream_usage=False)) == tree


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_fields_are_added_as_they_are(operation: Any) -> None:
    """At the top of the body, whatever they hold."""
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "user": None}
    assert _tree(asking(operation, extra=extra)).items() >= extra.items()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_pool_and_profile_are_headers_of_the_gateway_only(operation: Any) -> None:
    """Other servers get none of ours; what was not asked for is not sent."""
    ask = Ask(operation=operation, model="m", texts=("a", "b"), pool="eval", profile="l4")
    headers = _parsed(ask).headers
    assert (headers["x-sie-pool"], headers["x-sie-machine-profile"]) == ("eval", "l4")
    foreign = _parsed(ask, Endpoint("openai", "http://gateway:8080")).headers
    assert not [name for name in (*foreign, *_parsed(asking(operation)).headers) if name.startswith("x-sie")]


def test_the_key_is_sent_and_never_shown() -> None:
    """Bearer where there is one, no header where there is none."""
    assert _parsed(asking("encode")).headers["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in repr(SIE)
    assert "sk-secret" not in str(SIE)
    assert "authorization" not in _parsed(asking("encode"), Endpoint("sie", "http://gateway:8080")).headers


@pytest.mark.parametrize(
    ("url", "host", "port", "base"),
    [
        ("http://gateway", "gateway", 80, ""),
        ("https://gateway", "gateway", 443, ""),
        ("http://127.0.0.1:8080/", "127.0.0.1", 8080, ""),
        ("http://[::1]:9/v1", "::1", 9, ""),
        ("https://proxy:444/sie/v1/", "proxy", 444, "/sie"),
    ],
)
def test_where_an_endpoint_is(url: str, host: str, port: int, base: str) -> None:
    """With and without port, prefix and the `/v1` that people add."""
    endpoint = Endpoint("sie", url)
    assert (endpoint.host, endpoint.port, endpoint.base) == (host, port, base)
    assert _parsed(asking("encode"), endpoint).path == f"{base}/v1/encode/BAAI/m"

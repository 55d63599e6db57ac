import json
from typing import Any

import httptools
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        sampling={"temperature": 0},
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


def test_encode_and_score_speak_msgpack() -> None:
    """Items and parameters where the gateway reads them."""
    encode, score = _parsed(asking("encode", "a", "b")), _parsed(asking("score", "q", "a", "b"))
    assert (encode.path, score.path) == ("/v1/encode/BAAI/m", "/v1/score/BAAI/m")
    assert {encode.headers[name] for name in ("accept", "content-type")} == {"application/msgpack"}
    items = [{"text": "a"}, {"text": "b"}]
    assert msgpack.unpackb(encode.body) == {"items": items, "params": {"output_types": ["dense"]}}
    assert msgpack.unpackb(score.body) == {"query": {"text": "q"}, "items": items}


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

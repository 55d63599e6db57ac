"""An Ask -> the bytes of an HTTP request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import msgpack

from bench.protocol.facts import Ask, Kind

JSON = "application/json"
MSGPACK = "application/msgpack"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom requests are for: kind and base URL, and the key, which no repr shows."""

    kind: Kind
    url: str
    api_key: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    verify: bool = True

    @property
    def is_tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """Name or address to connect to."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def base(self) -> str:
        """What stands before `/v1` in every path."""
        return urlsplit(self.url).path.rstrip("/").removesuffix("/v1")


def render(endpoint: Endpoint, ask: Ask, traceparent: str | None = None) -> bytes:
    """The whole request, head and body, ready for one send."""
    path, accept, content_type, body = _RENDERERS[ask.operation](ask)
    headers = {
        "Host": urlsplit(endpoint.url).netloc,
        "User-Agent": "poolbench",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Accept": accept,
        **({"traceparent": traceparent} if traceparent else {}),
        **(_sie_headers(ask) if endpoint.kind == "sie" else {}),
        **({"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}),
    }
    lines = [f"POST {endpoint.base}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _sie_headers(ask: Ask) -> dict[str, str]:
    headers = {"X-SIE-MACHINE-PROFILE": ask.profile, "X-SIE-Pool": ask.pool}
    return {name: value for name, value in headers.items() if value}


Rendered = tuple[str, str, str, bytes]


def _chat(ask: Ask) -> Rendered:
    body = {
        "model": ask.model,
        "messages": [{"role": "user", "content": ask.texts[0]}],
        "max_tokens": ask.max_tokens,
        **ask.sampling,
        **({"stream": True, "stream_options": {"include_usage": True}} if ask.stream else {}),
    }
    return "/v1/chat/completions", EVENT_STREAM if ask.stream else JSON, JSON, _json(body)


def _generate(ask: Ask) -> Rendered:
    body = {"prompt": ask.texts[0], "max_new_tokens": ask.max_tokens, **ask.sampling}
    if ask.stream:
        body["stream"] = True
    # The path of generate takes no slash, not even an encoded one.
    path = f"/v1/generate/{quote(ask.model.replace('/', '__'))}"
    return path, EVENT_STREAM if ask.stream else JSON, JSON, _json(body)


def _encode(ask: Ask) -> Rendered:
    body = {"items": _items(ask.texts), "params": {"output_types": ["dense"]}}
    return f"/v1/encode/{quote(ask.model)}", MSGPACK, MSGPACK, msgpack.packb(body)


def _score(ask: Ask) -> Rendered:
    query, *documents = ask.texts
    body = {"query": {"text": query}, "items": _items(documents)}
    return f"/v1/score/{quote(ask.model)}", MSGPACK, MSGPACK, msgpack.packb(body)


_RENDERERS = {"chat": _chat, "generate": _generate, "encode": _encode, "score": _score}


def _items(texts: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    return [{"text": text} for text in texts]


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in body.items() if value is not None}).encode()

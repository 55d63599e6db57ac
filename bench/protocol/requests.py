"""An Ask -> the bytes of an HTTP request."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgpack

from bench.protocol.bodies import path_and_body
from bench.protocol.facts import Ask, Kind

JSON = "application/json"
MSGPACK = "application/msgpack"
EVENT_STREAM = "text/event-stream"

PACKED = frozenset({"encode", "score", "extract"})
"""Operations whose bodies may be msgpack; the rest know JSON only."""


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
    path, tree = path_and_body(ask)
    packed = ask.wire == "msgpack" and ask.operation in PACKED
    body = msgpack.packb(tree) if packed else json.dumps(tree).encode()
    content_type = MSGPACK if packed else JSON
    headers = {
        "Host": urlsplit(endpoint.url).netloc,
        "User-Agent": "poolbench",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Accept": EVENT_STREAM if ask.stream else content_type,
        **({"traceparent": traceparent} if traceparent else {}),
        **(_sie_headers(ask) if endpoint.kind == "sie" else {}),
        **({"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}),
    }
    lines = [f"POST {endpoint.base}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _sie_headers(ask: Ask) -> dict[str, str]:
    headers = {"X-SIE-MACHINE-PROFILE": ask.profile, "X-SIE-Pool": ask.pool}
    return {name: value for name, value in headers.items() if value}

"""An Ask -> the bytes of an HTTP request."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
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


def trace_of(trace_id: str, span: int) -> str:
    """A W3C `traceparent`: 32 hexadecimal digits, and a number of 64 bits that is not 0, as hexadecimal."""
    return f"00-{trace_id}-{span:016x}-01"


def render(endpoint: Endpoint, ask: Ask, traceparent: str | None = None) -> bytes:
    """The whole request, head and body, ready for one send."""
    path, tree = path_and_body(ask)
    packed = ask.wire == "msgpack" and ask.operation in PACKED
    body = msgpack.packb(tree) if packed else json.dumps(tree).encode()
    before, after = _head(endpoint, path, ask.stream, packed, ask.profile, ask.pool)
    trace = f"traceparent: {traceparent}\r\n" if traceparent else ""
    return b"%b%d\r\n%b%b%b" % (before, len(body), trace.encode("latin-1"), after, body)


@lru_cache(maxsize=1024)
def _head(
    endpoint: Endpoint, path: str, stream: bool, packed: bool, profile: str | None, pool: str | None
) -> tuple[bytes, bytes]:
    """What stands before and after the length and the trace context, which alone differ within a class."""
    content_type = MSGPACK if packed else JSON
    sie = {"X-SIE-MACHINE-PROFILE": profile, "X-SIE-Pool": pool} if endpoint.kind == "sie" else {}
    headers = {
        "Accept": EVENT_STREAM if stream else content_type,
        **{name: value for name, value in sie.items() if value},
        **({"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}),
    }
    before = (
        f"POST {endpoint.base}{path} HTTP/1.1\r\n"
        f"Host: {urlsplit(endpoint.url).netloc}\r\n"
        f"User-Agent: poolbench\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: "
    )
    after = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    return before.encode("latin-1"), after.encode("latin-1")

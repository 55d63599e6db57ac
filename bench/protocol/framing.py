"""The HTTP/1.1 parser of one connection: bytes in, the parts of a reply out."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import httptools


@lru_cache(maxsize=1024)
def _words(names: tuple[bytes, ...]) -> dict[str, bytes]:
    """Servers send the same few heads again and again, by the names in them."""
    return {name.decode("latin-1").lower(): name for name in names}


class Headers(Mapping[str, str]):
    """A reply's headers by their names in lower case, decoded when one is asked for: few ever are.

    `names` has them as they were sent. A connection's next reply takes the place of the one before.
    """

    __slots__ = ("names", "sent")

    def __init__(self, sent: dict[bytes, bytes]) -> None:
        self.sent = sent
        self.names: Mapping[str, bytes] = _words(tuple(sent))

    def __getitem__(self, name: str) -> str:
        return self.sent[self.names[name]].decode("latin-1")

    def get(self, name: str, default: Any = None) -> Any:
        """As any mapping does it, and in half the time."""
        known = self.names.get(name)
        return default if known is None else self.sent[known].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


_NONE: Mapping[str, bytes] = {}


class Framing:
    """What the parser found waits to be fetched; it lives as long as its connection."""

    __slots__ = (
        "complete", "extra", "feed", "head_ns", "headers", "keep", "now_ns", "on_body", "on_header",
        "parser", "pieces", "pieces_due", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.headers = Headers({})
        self.pieces: list[bytes] = []
        # Called by the parser for each header and piece: functions of Python cost more than parsing does.
        self.on_header, self.on_body = self.headers.sent.__setitem__, self.pieces.append
        self.parser = httptools.HttpResponseParser(self)
        self.feed = self.parser.feed_data
        self.now_ns = self.head_ns = self.pieces_due = 0
        self.keep = False
        self.begin()

    def begin(self) -> None:
        """Make ready for the next reply."""
        headers = self.headers
        headers.sent.clear()
        headers.names = _NONE
        self.pieces.clear()
        self.status = 0
        self.complete = self.extra = False

    def take(self) -> bytes:
        """What came of the body since the last time; nothing that followed its end."""
        pieces = self.pieces
        if self.complete and len(pieces) > self.pieces_due:
            del pieces[self.pieces_due :]
        if len(pieces) == 1:
            return pieces.pop()
        body = b"".join(pieces)
        pieces.clear()
        return body

    # Called by the parser.

    def on_headers_complete(self) -> None:
        """Note status, headers and instant; a second head says that the connection is out of step."""
        if self.complete:
            self.extra = True
        else:
            headers = self.headers
            headers.names = _words(tuple(headers.sent))
            self.status, self.head_ns = self.parser.get_status_code(), self.now_ns

    def on_message_complete(self) -> None:
        """Note the end; an interim 1xx is no reply yet."""
        if self.status < 200:
            self.begin()
        elif not self.complete:
            self.complete, self.pieces_due = True, len(self.pieces)
            self.keep = bool(self.parser.should_keep_alive())

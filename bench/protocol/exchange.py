"""One request on one connection: bytes and instants in, facts out. Pure; the caller owns socket and clock.

Framing is done as bytes come; bodies of streams are kept with their instants and read later, by `decode`, so
that reading JSON is never in the way of a stamp.
"""

from functools import lru_cache
from operator import methodcaller

import httptools

from bench.protocol.facts import GENERATION, Ask, Facts, Kind, Pieces
from bench.protocol.kept import Kept
from bench.protocol.replies import Reader, WholeReader
from bench.protocol.streams import StreamReader

UNDECODED_BYTES = 1 << 16
"""So much of a stream may wait to be read."""


_word = methodcaller("decode", "latin-1")


@lru_cache(maxsize=1024)
def _words(names: tuple[bytes, ...]) -> list[str]:
    """Servers send the same few heads again and again, by the names in them."""
    return [name.decode("latin-1").lower() for name in names]


class Framing:
    """The HTTP parser of one connection, which lives as long as that; what it found waits to be fetched."""

    __slots__ = (
        "_head", "complete", "extra", "head_ns", "headers", "keep", "now_ns", "on_body",
        "on_header", "parser", "pieces", "pieces_due", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self._head: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        # Called by the parser for each header and piece: functions of Python cost more than parsing does.
        self.on_header, self.on_body = self._head.__setitem__, self.pieces.append
        self.parser = httptools.HttpResponseParser(self)
        self.now_ns = 0
        self.begin()

    def begin(self) -> None:
        """Make ready for the next reply."""
        self._head.clear()
        self.pieces.clear()
        self.headers: dict[str, str] = {}
        self.status = self.head_ns = self.pieces_due = 0
        self.complete = self.keep = self.extra = False

    def take(self) -> bytes:
        """What came of the body since the last time; nothing that followed its end."""
        pieces = self.pieces
        if self.complete:
            del pieces[self.pieces_due :]
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return body

    # Called by the parser.

    def on_headers_complete(self) -> None:
        """Note status, headers and instant; a second head says that the connection is out of step."""
        if self.complete:
            self.extra = True
        else:
            head = self._head
            self.headers = dict(zip(_words(tuple(head)), map(_word, head.values()), strict=True))
            self.status, self.head_ns = self.parser.get_status_code(), self.now_ns

    def on_message_complete(self) -> None:
        """Note the end; an interim 1xx is no reply yet."""
        if self.status < 200:
            self.begin()
        elif not self.complete:
            self.complete, self.pieces_due = True, len(self.pieces)
            self.keep = bool(self.parser.should_keep_alive())


class Exchange:
    """Reads one HTTP/1.1 reply.

    `feed` bytes with the instant they arrived; `closed` when the peer ends the connection. When `done`,
    `facts.outcome` is set, and `reusable` says whether the connection may carry another request. Exchanges
    that follow each other on a connection share its `framing`.
    """

    __slots__ = (
        "_ask", "_framing", "_kind", "_pieces", "_reader", "_undecoded", "done", "facts", "kept", "reusable",
    )  # fmt: skip

    def __init__(self, kind: Kind, ask: Ask, framing: Framing | None = None) -> None:
        self.facts = Facts()
        self.done = False
        self.reusable = False
        self.kept: Kept | None = None
        self._kind, self._ask = kind, ask
        self._reader: Reader | None = None
        self._pieces: Pieces = []
        self._undecoded = 0
        self._framing = framing or Framing()
        self._framing.begin()

    @property
    def undecoded(self) -> bool:
        """Whether something waits for `decode`."""
        return self._undecoded > 0

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take bytes; after the end, and after nonsense, the rest is passed over."""
        if self.done:
            return
        framing = self._framing
        framing.now_ns = now_ns
        self.facts.response_bytes += len(data)
        broken: Exception | None = None
        try:
            framing.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            broken = error
        reader = self._reader
        if reader is None and framing.status >= 200:
            reader = self._reader = self._chosen_reader()
        if framing.pieces:
            self._pieces.append((framing.take(), now_ns))
        if framing.complete and reader is not None:
            self.decode()
            reader.end(complete=True)
            self.reusable = framing.keep and not framing.extra and broken is None
            self._finish(now_ns)
            return
        self._undecoded += len(data)
        if self._undecoded > UNDECODED_BYTES or broken:
            self.decode()
        if broken:
            switches = isinstance(broken, httptools.HttpParserUpgrade)
            self.facts.error_message = "switches protocols" if switches else f"not HTTP: {broken}"
            self.facts.settle("failed", "malformed")
            self._finish(now_ns)

    def decode(self) -> None:
        """Read what has come so far into the facts."""
        self._undecoded = 0
        if self._reader is not None:
            self._reader.body(self._pieces)
            self._pieces.clear()

    def closed(self, now_ns: int) -> None:
        """The peer ended the connection: the proper end of a body without length, a loss otherwise."""
        if self.done:
            return
        headers = self._framing.headers
        framed = "content-length" in headers or "transfer-encoding" in headers
        if self._reader is None:
            self.facts.settle("failed", "connection_lost")
        else:
            self.decode()
            self._reader.end(complete=not framed)
        self._finish(now_ns)

    def give_up(self, outcome: str, reason: str | None, now_ns: int) -> None:
        """Settle from outside: timed out, cancelled, unfinished, failed to connect."""
        self.decode()
        self.facts.settle(outcome, reason)
        self._finish(now_ns)

    def _chosen_reader(self) -> Reader:
        """Only a 200 of a streamed generation is a stream, and only if it says so."""
        facts, ask, framing = self.facts, self._ask, self._framing
        headers = framing.headers
        facts.status, facts.headers_ns = framing.status, framing.head_ns
        if "x-sie-request-id" in headers:
            facts.request_id = headers["x-sie-request-id"]
        reader: Reader
        if (
            ask.stream
            and ask.operation in GENERATION
            and facts.status == 200
            and "event-stream" in headers.get("content-type", "")
        ):
            reader = StreamReader(self._kind, ask, facts)
        else:
            reader = WholeReader(self._kind, ask, facts, headers)
        if ask.keep:
            kind = headers.get("content-type", "")
            streams, packed = "event-stream" in kind, "msgpack" in kind
            reader = self.kept = Kept(reader, streams=streams, packed=packed)
        return reader

    def _finish(self, now_ns: int) -> None:
        if self.done:
            return
        self.done = True
        facts = self.facts
        # The clock that stamps are read on is set anew each second: it may step back by a few ns.
        facts.end_ns = max(now_ns, facts.headers_ns or 0, facts.last_token_ns or 0)

"""One request on one connection: bytes and instants in, facts out. Pure; the caller owns socket and clock.

Framing is done as bytes come; bodies of streams are kept with their instants and read later, by `decode`, so
that reading JSON is never in the way of a stamp.
"""

import httptools
from msgspec import Struct, field

from bench.protocol.facts import GENERATION, Ask, Facts, Kind
from bench.protocol.framing import Framing
from bench.protocol.kept import Kept
from bench.protocol.replies import read_whole
from bench.protocol.streams import StreamReader

UNDECODED_BYTES = 1 << 16
"""So much of a stream may wait to be read."""


class Exchange(Struct, eq=False):
    """Reads one HTTP/1.1 reply.

    `feed` bytes with the instant they arrived; `closed` when the peer ends the connection. When `done`,
    `facts.outcome` is set, and `reusable` says whether the connection may carry another request. Exchanges
    that follow each other on a connection share its `framing`.
    """

    kind: Kind
    ask: Ask
    framing: Framing = field(default_factory=Framing)
    facts: Facts = field(default_factory=Facts)
    done: bool = False
    reusable: bool = False
    kept: Kept | None = None
    _stream: StreamReader | None = None
    _undecoded: int = 0

    @property
    def undecoded(self) -> bool:
        """Whether something waits for `decode`."""
        return self._undecoded > 0

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take bytes; after the end, and after nonsense, the rest is passed over."""
        if self.done:
            return
        framing, facts = self.framing, self.facts
        framing.now_ns = now_ns
        facts.response_bytes += len(data)
        broken: Exception | None = None
        try:
            framing.feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            broken = error
        if facts.status is None and framing.status >= 200:
            self._read_head()
        # Of a stream the pieces count, each by itself; others wait for their end.
        if self._stream is not None and framing.pieces:
            self._stream.take(self._piece(), now_ns)
        if framing.complete:
            self._end(complete=True)
            if framing.keep and not framing.extra and broken is None:
                self.reusable = True
                framing.begin()
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
        """Read what has come so far of a stream into the facts."""
        self._undecoded = 0
        if self._stream is not None:
            self._stream.decode()

    def closed(self, now_ns: int) -> None:
        """The peer ended the connection: the proper end of a body without length, a loss otherwise."""
        if self.done:
            return
        headers = self.framing.headers
        self._end(complete="content-length" not in headers and "transfer-encoding" not in headers)
        self._finish(now_ns)

    def give_up(self, outcome: str, reason: str | None, now_ns: int) -> None:
        """Settle from outside: timed out, cancelled, unfinished, failed to connect."""
        self.decode()
        self.facts.settle(outcome, reason)
        self._finish(now_ns)

    def _read_head(self) -> None:
        """Only a 200 of a streamed generation is a stream, and only if it says so."""
        facts, ask, framing = self.facts, self.ask, self.framing
        headers = framing.headers
        facts.status, facts.headers_ns = framing.status, framing.head_ns
        if "x-sie-request-id" in headers.names:
            facts.request_id = headers["x-sie-request-id"]
        streams = ask.stream and ask.operation in GENERATION and facts.status == 200
        if streams and "event-stream" in headers.get("content-type", ""):
            self._stream = StreamReader(self.kind, ask, facts)
        if ask.keep:
            kind = headers.get("content-type", "")
            self.kept = Kept(streams="event-stream" in kind, packed="msgpack" in kind)

    def _piece(self) -> bytes:
        piece = self.framing.take()
        if self.kept is not None:
            self.kept.take(piece)
        return piece

    def _end(self, *, complete: bool) -> None:
        """Settle; `complete` is False where the connection broke."""
        facts = self.facts
        if self._stream is not None:
            self._stream.end(complete=complete)
        elif complete and facts.status is not None:
            read_whole(facts, self.ask, self.kind, self.framing.headers, self._piece())
        else:
            facts.settle("failed", "connection_lost")

    def _finish(self, now_ns: int) -> None:
        if self.done:
            return
        self.done = True
        facts = self.facts
        # The clock that stamps are read on is set anew each second: it may step back by a few ns.
        facts.end_ns = max(now_ns, facts.headers_ns or 0, facts.last_token_ns or 0)

"""One request on one connection: bytes and instants in, facts out. Pure; the caller owns socket and clock."""

import httptools

from bench.protocol.facts import Ask, Facts, Kind
from bench.protocol.replies import Reader, WholeReader
from bench.protocol.streams import StreamReader


class Exchange:
    """Reads one HTTP/1.1 reply.

    `feed` bytes with the instant they arrived; `closed` when the peer ends the connection. When `done`,
    `facts.outcome` is set, and `reusable` says whether the connection may carry another request.
    """

    def __init__(self, kind: Kind, ask: Ask) -> None:
        self.facts = Facts()
        self.done = False
        self.reusable = False
        self._kind, self._ask = kind, ask
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._reader: Reader | None = None
        self._now_ns = 0

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take bytes; after the end, and after nonsense, the rest is passed over."""
        if self.done:
            return
        self._now_ns = now_ns
        self.facts.response_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            switches = isinstance(error, httptools.HttpParserUpgrade)
            self.facts.error_message = "switches protocols" if switches else f"not HTTP: {error}"
            self.facts.settle("failed", "malformed")
            self._finish(now_ns)

    def closed(self, now_ns: int) -> None:
        """The peer ended the connection: the proper end of a body without length, a loss otherwise."""
        if self.done:
            return
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        if self._reader is None:
            self.facts.settle("failed", "connection_lost")
        else:
            self._reader.end(complete=not framed)
        self._finish(now_ns)

    def give_up(self, outcome: str, reason: str | None, now_ns: int) -> None:
        """Settle from outside: timed out, cancelled, unfinished, failed to connect."""
        self.facts.settle(outcome, reason)
        self._finish(now_ns)

    def _finish(self, now_ns: int) -> None:
        if not self.done:
            self.done = True
            # The clock that stamps are read on is set anew each second: it may step back by a few ns.
            self.facts.end_ns = max(now_ns, self.facts.headers_ns or 0, self.facts.last_token_ns or 0)

    # Called by the parser.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Choose the reader: only a 200 of a streamed request is a stream, and only if it says so."""
        facts = self.facts
        if self.done:
            # Bytes that nobody asked for follow the reply: this connection is out of step.
            self.reusable = False
            return
        facts.status = self._parser.get_status_code()
        facts.headers_ns = self._now_ns
        facts.request_id = self._headers.get("x-sie-request-id")
        streams = "event-stream" in self._headers.get("content-type", "")
        if self._ask.stream and facts.status == 200 and streams:
            self._reader = StreamReader(self._kind, self._ask, facts)
        else:
            self._reader = WholeReader(self._kind, self._ask, facts, self._headers)

    def on_body(self, piece: bytes) -> None:
        """Pass a piece on."""
        if self._reader and not self.done:
            self._reader.body(piece, self._now_ns)

    def on_message_complete(self) -> None:
        """Settle the outcome; an interim 1xx is no reply yet."""
        if (self.facts.status or 0) < 200:
            self._headers.clear()
            self._reader = self.facts.status = self.facts.headers_ns = None
        elif self._reader and not self.done:
            self._reader.end(complete=True)
            self.reusable = bool(self._parser.should_keep_alive())
            self._finish(self._now_ns)

"""Whole bodies -> Facts: a result of any operation, or an error."""

import json
from typing import Any, Protocol

import msgpack

from bench.protocol.envelopes import problem_instead
from bench.protocol.errors import judge_in_result, note, read_error
from bench.protocol.facts import Ask, Facts, Kind
from bench.protocol.framing import Headers
from bench.protocol.outlines import outline
from bench.protocol.results import RESULTS
from bench.protocol.tokens import estimate, read_usage
from bench.protocol.values import MALFORMED, header_count, header_number


class Reader(Protocol):
    """Takes the body in pieces, then is told how it ended."""

    def take(self, piece: bytes, now_ns: int, /) -> None:
        """Keep a piece of the body, and the instant at which it arrived."""

    def decode(self) -> None:
        """Read the pieces taken so far, as far as they mean something by themselves."""

    def end(self, *, complete: bool) -> None:
        """Read the rest and settle the outcome; `complete` is False where the connection broke."""


class WholeReader:
    """A body that means something only when it is complete: a result, or an error."""

    __slots__ = ("_ask", "_facts", "_headers", "_kind", "_pieces")

    def __init__(self, kind: Kind, ask: Ask, facts: Facts, headers: Headers) -> None:
        self._kind: Kind = kind
        self._ask, self._facts, self._headers = ask, facts, headers
        self._pieces: list[bytes] = []

    def take(self, piece: bytes, _now_ns: int, /) -> None:
        """Keep it; only the end's instant counts, and that is known elsewhere."""
        self._pieces.append(piece)

    def decode(self) -> None:
        """Nothing: a part means nothing."""

    def end(self, *, complete: bool) -> None:
        """Read the body by its own content type, whatever was asked for."""
        facts = self._facts
        if not complete:
            facts.settle("failed", "connection_lost")
        elif facts.status != 200:
            read_error(facts, self._headers, self._body())
        else:
            try:
                self._result()
            except MALFORMED as error:
                facts.error_message = f"{type(error).__name__}: {error}"
                facts.settle("failed", "malformed")

    def _body(self) -> bytes:
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _result(self) -> None:
        facts, ask, out_chars = self._facts, self._ask, 0
        body, packed = self._body(), "msgpack" in self._headers.get("content-type", "")
        tree: Any = outline(ask, body, packed=packed)
        if tree is not None:
            facts.items_returned = len(tree.entries)
        else:
            tree = msgpack.unpackb(body) if packed else json.loads(body)
            result = RESULTS[ask.operation]
            if problem := problem_instead(tree, result.key):
                note(facts, problem)
                facts.settle(*judge_in_result(problem.code))
                return
            out_chars = result.read(facts, ask, tree)
        read_usage(facts, ask, self._kind, tree)
        self._read_headers()
        if facts.out_tokens is None and self._kind == "sie" and ask.owes_usage:
            facts.settle("degraded", "missing_usage")
        facts.settle("ok")
        if ask.chars_per_token is not None:
            estimate(facts, ask, out_chars)

    def _read_headers(self) -> None:
        """What the gateway says of items: in their bodies it counts nothing."""
        facts, headers = self._facts, self._headers
        names = headers.names
        if "x-queue-time" in names:
            facts.server_queue_ms = header_number(headers, "x-queue-time")
        if "x-inference-time" in names:
            facts.server_inference_ms = header_number(headers, "x-inference-time")
        if facts.tokens_source is None and "x-sie-units-input-tokens" in names:
            units = header_count(headers, "x-sie-units-input-tokens")
            if units is not None:
                facts.in_tokens, facts.tokens_source = units, "usage"

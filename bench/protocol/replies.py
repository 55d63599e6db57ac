"""Bytes of a reply's body -> Facts: one reader for event streams, one for whole bodies."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgpack

from bench.protocol.errors import as_text, judge_in_stream, read_error
from bench.protocol.facts import Ask, Facts, Kind
from bench.protocol.sse import EventDecoder, StreamMalformedError


class Reader(Protocol):
    """Takes the body in pieces, then is told how it ended."""

    def body(self, piece: bytes, now_ns: int) -> None:
        """Take a piece of the body that arrived at `now_ns`."""

    def end(self, *, complete: bool) -> None:
        """Settle the outcome; `complete` is False where the connection broke."""


MALFORMED = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RecursionError,
    StreamMalformedError,
    msgpack.UnpackException,
)
"""What reading a body raises that is not what it should be."""


class StreamReader:
    """An event stream of chat or generate."""

    def __init__(self, kind: Kind, ask: Ask, facts: Facts) -> None:
        self._facts = facts
        self._strict = kind == "sie"
        self._read = _chat_event if ask.operation == "chat" else _generate_event
        self._decoder = EventDecoder()
        self._done = False

    def body(self, piece: bytes, now_ns: int) -> None:
        """Take a piece; what cannot be read settles the request as malformed."""
        try:
            for data in self._decoder.feed(piece):
                if data == b"[DONE]":
                    self._done = True
                else:
                    self._read(self._facts, json.loads(data), now_ns)
        except MALFORMED as error:
            self._facts.error_message = f"{type(error).__name__}: {error}"
            self._facts.settle("failed", "malformed")

    def end(self, *, complete: bool) -> None:
        """A stream is good with a finish reason and, from the gateway, `[DONE]` and usage."""
        facts = self._facts
        if facts.finish_reason == "error":
            facts.settle("failed", "stream_error")
        finished = facts.finish_reason is not None
        if finished and (self._done or not self._strict):
            lacks_usage = self._strict and facts.out_tokens is None
            facts.settle(*(("degraded", "missing_usage") if lacks_usage else ("ok", None)))
        elif not complete:
            facts.settle("truncated" if facts.event_ns else "failed", "connection_lost")
        else:
            facts.settle("truncated", "no_done")


def _chat_event(facts: Facts, event: Any, now_ns: int) -> None:
    if event.get("error"):
        _stream_error(facts, event["error"])
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        visible = len(delta.get("content") or "")
        hidden = len(delta.get("reasoning_content") or delta.get("reasoning") or "")
        called = sum(
            len((call.get("function") or {}).get("arguments") or "") for call in delta.get("tool_calls") or ()
        )
        if visible + hidden + called:
            facts.text(visible + hidden + called, visible > 0, now_ns)
        facts.finish_reason = as_text(choice.get("finish_reason")) or facts.finish_reason
    _usage(facts, event)


def _generate_event(facts: Facts, event: Any, now_ns: int) -> None:
    if event.get("error"):
        _stream_error(facts, event["error"])
    text = event.get("text_delta") or ""
    if text:
        facts.text(len(text), True, now_ns)
    if event.get("done"):
        facts.finish_reason = as_text(event.get("finish_reason")) or "stop"
        facts.server_ttft_ms = _number(event.get("ttft_ms"))
    _usage(facts, event)


def _stream_error(facts: Facts, error: Any) -> None:
    detail = error if isinstance(error, dict) else {"message": error}
    facts.error_code, facts.error_message = as_text(detail.get("code")), as_text(detail.get("message"))
    facts.settle(*judge_in_stream(facts.error_code))


class WholeReader:
    """A body that means something only when it is complete: a result, or an error."""

    def __init__(self, kind: Kind, ask: Ask, facts: Facts, headers: Mapping[str, str]) -> None:
        self._strict = kind == "sie"
        self._ask, self._facts, self._headers = ask, facts, headers
        self._body = bytearray()

    def body(self, piece: bytes, _now_ns: int) -> None:
        """Keep the piece."""
        self._body += piece

    def end(self, *, complete: bool) -> None:
        """Read the body by its own content type, whatever was asked for."""
        facts = self._facts
        if not complete:
            facts.settle("failed", "connection_lost")
        elif facts.status != 200:
            read_error(facts, self._headers, bytes(self._body))
        else:
            self._result()

    def _result(self) -> None:
        facts = self._facts
        try:
            packed = "msgpack" in self._headers.get("content-type", "")
            tree = msgpack.unpackb(self._body) if packed else json.loads(self._body)
            _RESULTS[self._ask.operation](facts, tree)
        except MALFORMED as error:
            facts.error_message = f"{type(error).__name__}: {error}"
            facts.settle("failed", "malformed")
            return
        facts.server_queue_ms = _milliseconds(self._headers.get("x-queue-time"))
        facts.server_inference_ms = _milliseconds(self._headers.get("x-inference-time"))
        facts.settle(*self._verdict())

    def _verdict(self) -> tuple[str, str | None]:
        facts = self._facts
        if facts.items_returned is not None:
            short = facts.items_returned < self._ask.items
            return ("degraded", "short_items") if short else ("ok", None)
        return ("degraded", "missing_usage") if self._strict and facts.out_tokens is None else ("ok", None)


def _chat_result(facts: Facts, tree: Any) -> None:
    facts.finish_reason = as_text(tree["choices"][0]["finish_reason"])
    _usage(facts, tree)


def _generate_result(facts: Facts, tree: Any) -> None:
    facts.finish_reason = as_text(tree["finish_reason"])
    facts.server_ttft_ms, facts.server_tpot_ms = _number(tree.get("ttft_ms")), _number(tree.get("tpot_ms"))
    facts.attempt_id = as_text(tree.get("attempt_id"))
    _usage(facts, tree)


def _encode_result(facts: Facts, tree: Any) -> None:
    facts.items_returned = len(tree["items"])


def _score_result(facts: Facts, tree: Any) -> None:
    facts.items_returned = len(tree["scores"])


_RESULTS: Mapping[str, Callable[[Facts, Any], None]] = {
    "chat": _chat_result,
    "generate": _generate_result,
    "encode": _encode_result,
    "score": _score_result,
}


def _usage(facts: Facts, tree: Any) -> None:
    usage = tree.get("usage")
    if usage:
        facts.in_tokens = _count(usage.get("prompt_tokens"))
        facts.out_tokens = _count(usage.get("completion_tokens"))


# The record's columns are narrow: what does not fit is refused here, not when the books are joined.


def _count(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value < 1 << 31):
        return value
    raise ValueError(f"{value!r:.40} is no count")


def _number(value: Any) -> float | None:
    if value is None or (type(value) in {int, float} and math.isfinite(value)):
        return value if value is None else float(value)
    raise ValueError(f"{value!r:.40} is no number")


def _milliseconds(header: str | None) -> float | None:
    try:
        return _number(float(header or ""))
    except ValueError:
        return None

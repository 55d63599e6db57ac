"""Event streams of generations -> Facts."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bench.protocol.envelopes import Problem, problem_instead
from bench.protocol.errors import judge_in_stream, note
from bench.protocol.facts import Ask, Facts, Kind
from bench.protocol.sse import EventDecoder
from bench.protocol.tokens import estimate, read_usage
from bench.protocol.values import MALFORMED, as_number, as_text, chars, read_json

BROKEN = frozenset({"error", "cancelled", "abort"})
"""Finish reasons of a generation that went wrong on the server's side."""


class StreamReader:
    """The events of one reply, in pieces of any size.

    A choice is over with its finish reason, the reply when every choice is, and from the gateway with
    `[DONE]` besides. The first event with output of any choice is the first token.
    """

    def __init__(self, kind: Kind, ask: Ask, facts: Facts) -> None:
        self.ask, self.facts = ask, facts
        facts.expect_events()
        self._kind: Kind = kind
        self._choices = ask.choices
        self._read = _EVENTS[ask.operation]
        self._decoder = EventDecoder()
        self._done = self._unreadable = False
        self._begun: set[Any] = set()
        self._finished: set[Any] = set()
        self._pieces: list[tuple[bytes, int]] = []

    def take(self, piece: bytes, now_ns: int) -> None:
        """Keep a piece for `decode`."""
        self._pieces.append((piece, now_ns))

    def decode(self) -> None:
        """Read pieces; what cannot be read settles the request as malformed, and nothing after it counts."""
        pieces, self._pieces = self._pieces, []
        if self._unreadable:
            return
        try:
            for piece, now_ns in pieces:
                for data in self._decoder.feed(piece):
                    self._event(data, now_ns)
        except MALFORMED as error:
            self._unreadable = True
            self.facts.error_message = f"{type(error).__name__}: {error}"
            self.facts.settle("failed", "malformed")

    def _event(self, data: bytes, now_ns: int) -> None:
        data = data.strip()
        if data == b"[DONE]":
            self._done = True
        elif data and not self._done:
            event = read_json(data)
            self._read(self, event, now_ns)
            read_usage(self.facts, self.ask, self._kind, event)

    # What the events' readers tell.

    def failed(self, problem: Problem) -> None:
        """An error stands in the stream."""
        note(self.facts, problem)
        self.facts.settle(*judge_in_stream(problem.code))

    def choice(self, said: Any, finish_reason: str | None) -> None:
        """A choice has said something, perhaps its last. Where there is but one, its index means nothing."""
        index = said.get("index") or 0 if self._choices > 1 else 0
        self._begun.add(index)
        if finish_reason:
            self._finished.add(index)
            self.facts.finish_reason = finish_reason

    def end(self, *, complete: bool) -> None:
        """Settle: whole, short of a choice, without usage, cut."""
        self.decode()
        facts = self.facts
        if facts.finish_reason in BROKEN:
            facts.settle("failed", "stream_error")
        if self._is_over(complete):
            facts.settle(*self._blemish())
        elif not complete:
            facts.settle("truncated" if facts.event_ns else "failed", "connection_lost")
        else:
            facts.settle("truncated", "no_done")
        if facts.outcome in {"ok", "degraded"}:
            estimate(facts, self.ask, sum(facts.event_chars))

    def _is_over(self, complete: bool) -> bool:
        if not self._finished or self._finished != self._begun or (self._kind == "sie" and not self._done):
            return False
        return self._done or complete or len(self._finished) >= self._choices

    def _blemish(self) -> tuple[str, str | None]:
        if self._lost_its_error():
            return "failed", "stream_error"
        if len(self._finished) < self._choices:
            return "degraded", "short_items"
        lacks_usage = self._kind == "sie" and self.ask.owes_usage and self.facts.out_tokens is None
        return ("degraded", "missing_usage") if lacks_usage else ("ok", None)

    def _lost_its_error(self) -> bool:
        """The 0.4 gateway may turn a completion's error into a bare finish: no text, nothing counted."""
        of_gateway = self._kind == "sie" and self.ask.operation == "completion"
        return of_gateway and not self.facts.event_ns and self.facts.out_tokens is None


def _plain_text(event: Any) -> str | None:
    """The text of an event that holds nothing else: as most do; the long way takes four times as long."""
    choices = event.get("choices")
    if type(choices) is not list or len(choices) != 1 or event.get("error"):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if type(delta) is not dict or len(delta) != 1 or choice.get("finish_reason") or choice.get("index"):
        return None
    text = delta.get("content")
    return text if type(text) is str else None


def _chat_event(stream: StreamReader, event: Any, now_ns: int) -> None:
    if text := _plain_text(event):
        stream.choice(event["choices"][0], None)
        stream.facts.text(len(text), True, now_ns)
        return
    if problem := problem_instead(event, "choices"):
        stream.failed(problem)
    visible = hidden = 0
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        visible += chars(delta.get("content")) + chars(delta.get("refusal"))
        hidden += chars(delta.get("reasoning_content") or delta.get("reasoning")) + called_chars(delta)
        stream.choice(choice, as_text(choice.get("finish_reason")))
    if visible or hidden:
        stream.facts.text(visible + hidden, visible > 0, now_ns)


def called_chars(said: Mapping[str, Any]) -> int:
    """Characters of names and arguments of the tools that a message calls."""
    calls = [call.get("function") or {} for call in said.get("tool_calls") or ()]
    if said.get("function_call"):
        calls.append(said["function_call"])
    return sum(chars(call.get("name")) + _argument_chars(call.get("arguments")) for call in calls)


def _argument_chars(arguments: Any) -> int:
    """Text by the standard; some servers send the object itself."""
    return len(json.dumps(arguments)) if isinstance(arguments, dict) else chars(arguments)


def _completion_event(stream: StreamReader, event: Any, now_ns: int) -> None:
    if problem := problem_instead(event, "choices"):
        stream.failed(problem)
    visible = 0
    for choice in event.get("choices") or ():
        visible += chars(choice.get("text"))
        stream.choice(choice, as_text(choice.get("finish_reason")))
    if visible:
        stream.facts.text(visible, True, now_ns)


def _generate_event(stream: StreamReader, event: Any, now_ns: int) -> None:
    if problem := problem_instead(event, "text_delta"):
        stream.failed(problem)
    visible = chars(event.get("text_delta"))
    if visible:
        stream.facts.text(visible, True, now_ns)
    if event.get("done"):
        stream.choice(event, as_text(event.get("finish_reason")) or "stop")
        stream.facts.server_ttft_ms = as_number(event.get("ttft_ms"))


_EVENTS: Mapping[str, Callable[[StreamReader, Any, int], None]] = {
    "chat": _chat_event,
    "completion": _completion_event,
    "generate": _generate_event,
}

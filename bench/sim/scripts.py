"""How chat and generate word the events of their streams."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from bench.sim.drafts import Draft, Piece
from bench.sim.logprobs import token_logprobs
from bench.sim.stream import Failure


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written, and what the dialect says beside them."""

    prompt_tokens: int
    completion_tokens: int
    details: Mapping[str, object] = field(default_factory=dict)

    def as_map(self) -> dict[str, object]:
        """As the wire has it."""
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class Words:
    """What one reply is going to say, whole or in events."""

    request_id: str
    model: str
    usage: Usage
    drafts: Sequence[Draft]
    alternatives: int | None = None
    """How many alternatives each token's log probability has beside it; None where none were asked for."""

    def logprobs(self, piece: Piece) -> list[dict[str, Any]] | None:
        """The log probabilities of a piece; there are none where the model calls a tool or thinks aloud."""
        if self.alternatives is None or any(d.tool or d.reasoning_tokens for d in self.drafts):
            return None
        return token_logprobs(piece.text, self.alternatives)


class GenerateScript:
    """Events of /v1/generate."""

    def __init__(self, words: Words, *, tells_logprobs: bool) -> None:
        self._words = words
        self._tells_logprobs = tells_logprobs
        self._start = 0
        self._sequence = 0
        self._head = f'data: {{"request_id":"{words.request_id}","seq":'

    def chunk(self, tokens: int) -> list[bytes]:
        """An event with text for each choice, none of which says whose it is."""
        pieces = [draft.cut(self._start, tokens) for draft in self._words.drafts]
        self._start += tokens
        return [self._event(piece, f'"done":false{self._logprobs(piece)}') for piece in pieces]

    def ending(self, tokens: int, ttft_ns: int) -> list[bytes]:
        """The terminal event, which alone carries usage and the worker's TTFT.

        Of several choices each has its own last event, and then the terminal one is withheld.
        """
        pieces = [draft.cut(self._start, tokens) for draft in self._words.drafts]
        finish = f'"finish_reason":"{self._words.drafts[0].finish}"'
        if len(pieces) > 1:
            return [self._event(p, f'"done":false,{finish}{self._logprobs(p)}') for p in pieces]
        usage = _compact(self._words.usage.as_map())
        tail = f'"done":true,{finish},"usage":{usage},"ttft_ms":{ttft_ns / 1e6:.3f}'
        return [self._event(pieces[0], tail + self._logprobs(pieces[0]))]

    def failure(self, failure: Failure) -> bytes:
        """An error event; its sequence number is 0 whatever came before, and it has no type."""
        error = _compact({"code": failure.code, "message": failure.message, **failure.details})
        tail = f'0,"text_delta":"","done":true,"finish_reason":"error","error":{error}}}\n\n'
        return f"{self._head}{tail}".encode()

    def _event(self, piece: Piece, rest: str) -> bytes:
        sequence, self._sequence = self._sequence, self._sequence + 1
        return f'{self._head}{sequence},"text_delta":{quote(piece.text)},{rest}}}\n\n'.encode()

    def _logprobs(self, piece: Piece) -> str:
        entries = self._words.logprobs(piece) if self._tells_logprobs else None
        return f',"logprobs":{_compact(entries)}' if entries else ""


class ChatScript:
    """Events of /v1/chat/completions."""

    def __init__(self, words: Words, *, include_usage: bool) -> None:
        self._words = words
        self._include_usage = include_usage
        self._start = 0
        self._begun: set[int] = set()
        self._head = _head(words, "chat.completion.chunk")

    def chunk(self, tokens: int) -> list[bytes]:
        """An event with text for each choice; a choice's first one carries the role as well."""
        return [
            self._event(index, delta, "null", piece)
            for index, (draft, piece) in enumerate(self._cut(tokens))
            for delta in self._deltas(index, draft, piece)
        ]

    def ending(self, tokens: int, ttft_ns: int) -> list[bytes]:  # noqa: ARG002 - chat never tells
        """Each choice's last event and, if asked for, the usage event, which has no choices."""
        events: list[bytes] = []
        for index, (draft, piece) in enumerate(self._cut(tokens)):
            *earlier, last = [*self._deltas(index, draft, piece), *([""] if draft.tool else [])] or [""]
            events += [self._event(index, delta, "null", piece) for delta in earlier]
            events.append(self._event(index, last, f'"{draft.finish}"', piece))
        if self._include_usage:
            events.append(_usage_event(self._head, self._words))
        return events

    def failure(self, failure: Failure) -> bytes:
        """An error event; its finish reason is null."""
        choice = '{"index":0,"delta":{},"logprobs":null,"finish_reason":null}'
        return _error_event(self._head, choice, failure)

    def _cut(self, tokens: int) -> list[tuple[Draft, Piece]]:
        start, self._start = self._start, self._start + tokens
        return [(draft, draft.cut(start, tokens)) for draft in self._words.drafts]

    def _deltas(self, index: int, draft: Draft, piece: Piece) -> list[str]:
        """What the piece adds to its choice, each the inside of a map; an announced call comes by itself."""
        first = index not in self._begun
        self._begun.add(index)
        role = '"role":"assistant",' if first else ""
        if draft.tool:
            announced = [role + _announcement(draft)] if first else []
            return announced + ([_arguments(piece.text)] if piece.text else [])
        parts = [f'"reasoning_content":{quote(piece.reasoning)}'] if piece.reasoning else []
        parts += [f'"content":{quote(piece.text)}'] if piece.text else []
        return [role + ",".join(parts)] if parts else []

    def _event(self, index: int, delta: str, finish: str, piece: Piece) -> bytes:
        entries = self._words.logprobs(piece) if delta else None
        logprobs = _compact({"content": entries, "refusal": None}) if entries else "null"
        choice = f'{{"index":{index},"delta":{{{delta}}},"logprobs":{logprobs},"finish_reason":{finish}}}'
        return f'{self._head},"choices":[{choice}]}}\n\n'.encode()


class CompletionScript:
    """Events of /v1/completions, whose id begins like chat's while the whole reply's does not."""

    def __init__(self, words: Words, *, include_usage: bool) -> None:
        self._words = words
        self._include_usage = include_usage
        self._start = 0
        self._head = _head(words, "text_completion")

    def chunk(self, tokens: int) -> list[bytes]:
        """An event with text."""
        return [self._event(tokens, "null")]

    def ending(self, tokens: int, ttft_ns: int) -> list[bytes]:  # noqa: ARG002 - never told here
        """The terminal event and, if asked for, the usage event."""
        event = self._event(tokens, f'"{self._words.drafts[0].finish}"')
        return [event, *([_usage_event(self._head, self._words)] if self._include_usage else [])]

    def failure(self, failure: Failure) -> bytes:
        """An error event; its finish reason is null."""
        choice = '{"text":"","index":0,"finish_reason":null,"logprobs":null}'
        return _error_event(self._head, choice, failure)

    def _event(self, tokens: int, finish: str) -> bytes:
        text = self._words.drafts[0].cut(self._start, tokens).text
        self._start += tokens
        choice = f'{{"text":{quote(text)},"index":0,"finish_reason":{finish}}}'
        return f'{self._head},"choices":[{choice}]}}\n\n'.encode()


def _head(words: Words, kind: str) -> str:
    """What all events of an OpenAI stream begin with."""
    head = {
        "id": f"chatcmpl-{words.request_id}",
        "object": kind,
        "created": int(time.time()),
        "model": words.model,
        "system_fingerprint": fingerprint(words.model),
    }
    return f"data: {_compact(head)[:-1]}"


def _usage_event(head: str, words: Words) -> bytes:
    return f'{head},"choices":[],"usage":{_compact(words.usage.as_map())}}}\n\n'.encode()


def _error_event(head: str, choice: str, failure: Failure) -> bytes:
    usual = {"message": failure.message, "type": failure.kind, "param": None, "code": failure.code}
    error = _compact(usual | failure.details)
    return f'{head},"choices":[{choice}],"error":{error}}}\n\n'.encode()


def _announcement(draft: Draft) -> str:
    function = f'"function":{{"name":{quote(draft.tool)},"arguments":""}}'
    return f'"tool_calls":[{{"index":0,"id":"{draft.call_id}","type":"function",{function}}}]'


def _arguments(text: str) -> str:
    return f'"tool_calls":[{{"index":0,"type":"function","function":{{"arguments":{quote(text)}}}}}]'


def fingerprint(model: str) -> str:
    """The `system_fingerprint` of a model."""
    return f"fp_{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))

"""How chat and generate word the events of their streams."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """What every event or body of one reply repeats."""

    request_id: str
    model: str
    usage: Usage


class GenerateScript:
    """Events of /v1/generate."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._head = f'data: {{"request_id":"{words.request_id}","seq":'

    def chunk(self, sequence: int, text: str) -> bytes:
        """An event with text."""
        return f'{self._head}{sequence},"text_delta":"{text}","done":false}}\n\n'.encode()

    def ending(self, sequence: int, text: str, ttft_ns: int) -> list[bytes]:
        """The terminal event, which alone carries usage and the worker's TTFT."""
        usage = _compact(self._words.usage.as_map())
        tail = f'"finish_reason":"length","usage":{usage},"ttft_ms":{ttft_ns / 1e6:.3f}'
        return [f'{self._head}{sequence},"text_delta":"{text}","done":true,{tail}}}\n\n'.encode()]

    def failure(self, failure: Failure) -> bytes:
        """An error event; its sequence number is 0 whatever came before, and it has no type."""
        error = _compact({"code": failure.code, "message": failure.message, **failure.details})
        tail = f'0,"text_delta":"","done":true,"finish_reason":"error","error":{error}}}\n\n'
        return f"{self._head}{tail}".encode()


class ChatScript:
    """Events of /v1/chat/completions."""

    def __init__(self, words: Words, *, include_usage: bool) -> None:
        self._words = words
        self._include_usage = include_usage
        head = _compact(
            {
                "id": f"chatcmpl-{words.request_id}",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": words.model,
                "system_fingerprint": fingerprint(words.model),
            }
        )
        self._head = f"data: {head[:-1]}"
        self._choice = f'{self._head},"choices":[{{"index":0,"delta":{{'

    def chunk(self, sequence: int, text: str) -> bytes:
        """An event with text; the first one carries the role as well."""
        return self._event(f'{_role(sequence)}"content":"{text}"', "null")

    def ending(self, sequence: int, text: str, ttft_ns: int) -> list[bytes]:  # noqa: ARG002 - chat never tells
        """The terminal event and, if asked for, the usage event, which has no choices."""
        events = [self._event(f'{_role(sequence)}"content":"{text}"' if text else "", '"length"')]
        if self._include_usage:
            usage = _compact(self._words.usage.as_map())
            events.append(f'{self._head},"choices":[],"usage":{usage}}}\n\n'.encode())
        return events

    def failure(self, failure: Failure) -> bytes:
        """An error event; its finish reason is null."""
        usual = {"message": failure.message, "type": failure.kind, "param": None, "code": failure.code}
        error = _compact(usual | failure.details)
        return f'{self._choice}}},"logprobs":null,"finish_reason":null}}],"error":{error}}}\n\n'.encode()

    def _event(self, delta: str, finish: str) -> bytes:
        return f'{self._choice}{delta}}},"logprobs":null,"finish_reason":{finish}}}]}}\n\n'.encode()


def _role(sequence: int) -> str:
    return "" if sequence else '"role":"assistant",'


def fingerprint(model: str) -> str:
    """The `system_fingerprint` of a model."""
    return f"fp_{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))

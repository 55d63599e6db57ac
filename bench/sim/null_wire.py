"""What `--null` reads and says: requests out of bytes, replies made once and sent again and again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import msgpack

from bench.sim.codec import MSGPACK_TYPE
from bench.sim.reply import JSON_TYPE, to_json
from bench.sim.text import count_tokens
from bench.sim.vectors import array_map, dense_array

CHAT_MODEL = "null-chat"
ENCODE_MODEL = "null-encode"
VERSION = "0.4.1"

MOST_TOKENS = 4096
MOST_ITEMS = 4096
DIMENSIONS = 512
TEXT = "tick"

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class BadRequestError(ValueError):
    """A request that is not served; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def take_request(inbox: bytearray) -> Request | None:
    """Cut the first request off the front of what arrived; None while it is incomplete.

    Raises BadRequestError for what is no HTTP/1.1 request with a length.
    """
    end = inbox.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = inbox[:end].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    length = headers.get("content-length", "0")
    words = first.split(" ")
    if len(words) != 3 or not length.isdecimal():
        raise BadRequestError("not a request of HTTP/1.1 with a Content-Length")
    body_end = end + 4 + int(length)
    if len(inbox) < body_end:
        return None
    body = bytes(inbox[end + 4 : body_end])
    del inbox[:body_end]
    return Request(words[0], words[1], headers, body)


def whole_reply(status: str, body: bytes, content_type: str = JSON_TYPE) -> bytes:
    """Head and body; the connection stays open."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}x-sie-version: {VERSION}\r\n\r\n".encode() + body


def refusal(status: str, message: str) -> bytes:
    """An error."""
    return whole_reply(status, to_json({"detail": {"code": "INVALID_REQUEST", "message": message}}))


@cache
def status_replies(ttft_ms: float, gap_ms: float) -> Mapping[str, bytes]:
    """What GET answers, by path: enough for a preflight, and marked as simulated."""
    worker = {"name": "null", "gpu": "null", "gpu_count": 1, "healthy": True, "queue_depth": 0}
    health = {
        "status": "healthy",
        "type": "gateway",
        "version": VERSION,
        "cluster": {"worker_count": 1, "gpu_count": 1},
        "workers": [worker | {"loaded_models": [CHAT_MODEL, ENCODE_MODEL]}],
        "simulated": {"null": True, "ttft_ms": ttft_ms, "gap_ms": gap_ms},
    }
    outputs = {CHAT_MODEL: ["tokens"], ENCODE_MODEL: ["dense"]}
    models = {
        "object": "list",
        "data": [{"id": name, "object": "model", "owned_by": "sie"} for name in outputs],
        "models": [{"name": name, "outputs": kinds, "loaded": True} for name, kinds in outputs.items()],
    }
    ok = whole_reply("200 OK", b"ok", "text/plain")
    return {
        "/health": whole_reply("200 OK", to_json(health)),
        "/v1/models": whole_reply("200 OK", to_json(models)),
        "/healthz": ok,
        "/readyz": ok,
    }


def stream_of(body: bytes) -> tuple[bytes, ...]:
    """The writes of a streamed chat, one for each token; the last carries all that ends the stream as well.

    Raises BadRequestError.
    """
    try:
        asked = json.loads(body)
        tokens = asked["max_tokens"]
        prompt = count_tokens("".join(str(message["content"]) for message in asked["messages"]))
        usage = bool((asked.get("stream_options") or {}).get("include_usage"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRequestError(f"no chat with messages and max_tokens: {error!r}") from None
    if asked.get("stream") is not True:
        raise BadRequestError("--null answers streamed chats only")
    if type(tokens) is not int or not 1 <= tokens <= MOST_TOKENS:
        raise BadRequestError(f"max_tokens {tokens!r} is not between 1 and {MOST_TOKENS}")
    return _writes(tokens, prompt, usage)


@lru_cache(maxsize=1024)
def _writes(tokens: int, prompt_tokens: int, usage: bool) -> tuple[bytes, ...]:
    middle = _chunk(_event([_choice()]))
    last = _event([_choice("length", first=tokens == 1)])
    if usage:
        counts = {"prompt_tokens": prompt_tokens, "completion_tokens": tokens}
        last += _event([], usage=counts | {"total_tokens": prompt_tokens + tokens})
    ending = _chunk(last + b"data: [DONE]\n\n") + b"0\r\n\r\n"
    opening = (_chunk(_event([_choice(first=True)])),) if tokens > 1 else ()
    return (*opening, *[middle] * (tokens - 2), ending)


def _choice(finish_reason: str | None = None, first: bool = False) -> dict[str, Any]:
    delta = {"role": "assistant", "content": TEXT} if first else {"content": TEXT}
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _event(choices: list[dict[str, Any]], **more: object) -> bytes:
    head = {"id": "chatcmpl-null", "object": "chat.completion.chunk", "created": 1_700_000_000}
    return b"data: " + to_json({**head, "model": CHAT_MODEL, "choices": choices, **more}) + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def vectors_of(body: bytes) -> bytes:
    """The whole reply to an encode. Raises BadRequestError."""
    try:
        count = len(msgpack.unpackb(body)["items"])
    except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
        raise BadRequestError(f"no msgpack with items: {error!r}") from None
    if not 1 <= count <= MOST_ITEMS:
        raise BadRequestError(f"{count} items are not between 1 and {MOST_ITEMS}")
    return _vectors(count)


@lru_cache(maxsize=64)
def _vectors(count: int) -> bytes:
    vector = {"dims": DIMENSIONS, "dtype": "float32"}
    items = [{"dense": vector | {"values": array_map(dense_array(DIMENSIONS, at))}} for at in range(count)]
    return whole_reply("200 OK", msgpack.packb({"model": ENCODE_MODEL, "items": items}), MSGPACK_TYPE)

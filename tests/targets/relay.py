"""A relay between the load and a real server that keeps every byte, and reads it in its own way.

What the run recorded can then be held against what the server sent, without our own reading of it.
"""

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools
import msgpack


@dataclass
class _Message:
    """One request or reply; both sides of a connection are parsed by the same callbacks."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False


class _Side:
    """Splits the bytes of one direction into messages."""

    def __init__(self) -> None:
        self.messages: list[_Message] = []

    def on_message_begin(self) -> None:
        self.messages.append(_Message())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.messages[-1].headers[name.decode().lower()] = value.decode()

    def on_body(self, piece: bytes) -> None:
        self.messages[-1].body += piece

    def on_message_complete(self) -> None:
        self.messages[-1].complete = True


@dataclass(frozen=True)
class Seen:
    """One reply: the request's index, and the tokens and items that its bytes tell."""

    index: int
    in_tokens: int | None
    out_tokens: int | None
    items: int | None


class Relay:
    """Holds the bytes of every connection, by direction."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._connections: list[tuple[bytearray, bytearray]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on both ways until either side closes."""
        sent, received = bytearray(), bytearray()
        self._connections.append((sent, received))
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        await asyncio.gather(_pump(reader, up_writer, sent), _pump(up_reader, writer, received))

    def seen(self) -> Iterator[Seen]:
        """Every reply to a request that carried a trace context, which preflight's do not."""
        for sent, received in self._connections:
            asked, told = _Side(), _Side()
            httptools.HttpRequestParser(asked).feed_data(bytes(sent))
            httptools.HttpResponseParser(told).feed_data(bytes(received))
            for request, reply in zip(asked.messages, told.messages, strict=False):
                trace = request.headers.get("traceparent")
                if trace and request.complete:
                    index = int(trace.split("-")[2], 16) & ((1 << 48) - 1)
                    yield _read(index, reply)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    try:
        while data := await reader.read(65536):
            kept += data
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def _read(index: int, reply: _Message) -> Seen:
    kind = reply.headers.get("content-type", "")
    if "event-stream" in kind:
        lines = bytes(reply.body).replace(b"\r\n", b"\n").split(b"\n")
        trees = [json.loads(line[5:]) for line in lines if line.startswith(b"data:") and b"{" in line]
    elif "msgpack" in kind:
        trees = [msgpack.unpackb(reply.body)]
    else:
        trees = [json.loads(reply.body)]
    usage: dict[str, Any] = next((t["usage"] for t in reversed(trees) if t.get("usage")), {})
    items = next((len(t[key]) for t in trees for key in _LISTS if isinstance(t.get(key), list)), None)
    return Seen(
        index,
        usage.get("prompt_tokens", usage.get("input_tokens")),
        usage.get("completion_tokens"),
        None if "event-stream" in kind else items,
    )


_LISTS = ("items", "scores", "data", "results")


@contextmanager
def relayed(url: str) -> Iterator[tuple[str, Relay]]:
    """A URL in front of this one, and the relay behind it."""
    parts = urlsplit(url)
    relay = Relay(parts.hostname or "", parts.port or 80)
    ports: queue.Queue[int] = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(relay, ports, stop)))
    thread.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=10)}{parts.path}", relay
    finally:
        stop.set()
        thread.join(10)


async def _serve(relay: Relay, ports: "queue.Queue[int]", stop: threading.Event) -> None:
    async with await asyncio.start_server(relay.serve, "127.0.0.1", 0) as server:
        ports.put(server.sockets[0].getsockname()[1])
        while not stop.is_set():
            await asyncio.sleep(0.05)

"""`python -m tests.benchmarks.stamping_server TRUTH [CERT KEY]`: chats of 90 events at 30 a second.

Over TLS with a certificate, plain without; prints its port. TRUTH gets a line a request at the end of each:
its index (from the traceparent) and the monotonic instants, in ns, just before each event was written.
"""

import asyncio
import re
import ssl
import sys
import time
from pathlib import Path

EVENTS = 90
GAP_S = 1 / 30
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\ndata: [DONE]\n\n'


async def main(truth: Path, *certificate: str) -> None:
    """Serve until killed."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            instants = await _answer(writer)
            with truth.open("a", encoding="ascii") as lines:
                lines.write(" ".join(map(str, [_index(head), *instants])) + "\n")

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    await reader.readexactly(int(_found(rb"(?i)content-length: (\d+)", head)))
    return head


def _index(head: bytes) -> int:
    return int(_found(rb"00-[0-9a-f]{32}-[0-9a-f]{4}([0-9a-f]{12})", head), 16)


def _found(pattern: bytes, head: bytes) -> bytes:
    match = re.search(pattern, head)
    if match is None:
        raise ValueError(f"no {pattern!r} in {head!r}")
    return match[1]


async def _answer(writer: asyncio.StreamWriter) -> list[int]:
    writer.write(HEAD)
    start_s, instants = time.monotonic(), []
    for number in range(EVENTS):
        await asyncio.sleep(start_s + (number + 3) * GAP_S - time.monotonic())
        instants.append(time.monotonic_ns())
        writer.write(_chunk(EVENT))
    writer.write(_chunk(LAST) + b"0\r\n\r\n")
    return instants


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))

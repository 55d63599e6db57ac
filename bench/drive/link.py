"""What leader and workers say to each other: length-framed msgpack over a connected socket.

Orders go down (start, users, stop, drain), progress and facts come up; no record travels here. On one machine
the socket is one of a pair. Workers elsewhere would need another, the facts of run.json, and a start on a
clock that both sides read.
"""

import socket
import struct
from typing import Any

import msgpack
from gevent.lock import RLock

_LENGTH = struct.Struct("<I")


class Link:
    """One end; greenlets may share it. A peer that is gone is noticed by `receive`."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = RLock()

    def send(self, **message: Any) -> None:
        """Say something; to a peer that is gone nothing can be said."""
        body = msgpack.packb(message)
        try:
            with self._lock:
                self._socket.sendall(_LENGTH.pack(len(body)) + body)
        except OSError:
            return

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message; None when the peer is gone."""
        head = self._read(_LENGTH.size)
        body = self._read(_LENGTH.unpack(head)[0]) if head else b""
        if not body:
            return None
        message: dict[str, Any] = msgpack.unpackb(body, strict_map_key=False)
        return message

    def close(self) -> None:
        """Be gone."""
        self._socket.close()

    def _read(self, size: int) -> bytes:
        """So many bytes; none where the peer is gone before the last of them."""
        data = bytearray()
        while len(data) < size:
            try:
                piece = self._socket.recv(size - len(data))
            except OSError:
                return b""
            if not piece:
                return b""
            data += piece
        return bytes(data)

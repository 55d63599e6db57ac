"""One keep-alive TCP connection: bytes out, stamped bytes in. It decides nothing."""

import errno
import os
import socket
import time
from typing import Any

from gevent import monkey

from bench.drive.stamps import CONTROL_BYTES, MSG_ERRQUEUE, Clock, ask_for_stamps

# The engine thread must not meet gevent's sockets.
_Socket: Any = monkey.get_original("socket", "socket")

READ_BYTES = 8192
"""Small on purpose: a large buffer makes Python fault in fresh pages for every read."""


class ConnectionLostError(OSError):
    """The peer cannot be reached, or is gone."""


class Connection:
    """A non-blocking socket. `fd` is what epoll watches; `idle_since_ns` tells pool from work."""

    def __init__(self, family: int, address: Any, clock: Clock) -> None:
        self._clock = clock
        self._socket = _Socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd: int = self._socket.fileno()
        self.connected = False
        self.watched_for_writing = True
        self._stamped = False
        self._pending = memoryview(b"")
        self._sent_bytes = 0
        self.handed_ns: int | None = None
        self.sent_ns: int | None = None
        code = self._socket.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self._socket.close()
            raise ConnectionLostError(code, os.strerror(code))

    @property
    def wants_to_write(self) -> bool:
        """Whether epoll should say when it can be written."""
        return not self.connected or bool(self._pending)

    def begin(self, wire: bytes) -> None:
        """Take a request; `advance` sends it."""
        self._pending = memoryview(wire)
        self.handed_ns = self.sent_ns = None

    def advance(self) -> None:
        """Finish connecting, then send what is pending. Raises ConnectionLostError."""
        if not self.connected:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise ConnectionLostError(code, os.strerror(code))
            self.connected = True
            self._stamped = ask_for_stamps(self._socket)
        while self._pending:
            if self.handed_ns is None:
                self.handed_ns = time.monotonic_ns()
            try:
                count = self._socket.send(self._pending)
            except BlockingIOError:
                return
            except OSError as error:
                raise ConnectionLostError(*error.args) from error
            self._sent_bytes += count
            self._pending = self._pending[count:]

    def receive(self) -> tuple[bytes, int, int, bool]:
        """Bytes (empty: the peer closed), their stamp, when they were read, and whether the kernel stamped.

        Raises BlockingIOError when there is nothing to read, ConnectionLostError when the peer is gone.
        """
        try:
            data, control, _, _ = self._socket.recvmsg(READ_BYTES, CONTROL_BYTES)
        except BlockingIOError:
            raise
        except OSError as error:
            raise ConnectionLostError(*error.args) from error
        read_ns = time.monotonic_ns()
        stamp_ns = self._clock.received_ns(control) if control else None
        return data, stamp_ns or read_ns, read_ns, stamp_ns is not None

    def collect_sent(self) -> None:
        """Read the error queue: when did the last byte of the request leave?"""
        while self._stamped:
            try:
                _, control, _, _ = self._socket.recvmsg(1, CONTROL_BYTES, MSG_ERRQUEUE)
            except OSError:
                return
            found = self._clock.transmitted(control)
            if found and found[0] == (self._sent_bytes - 1) % (1 << 32) and not self._pending:
                self.sent_ns = found[1]

    def close(self) -> None:
        """Close at once."""
        self._socket.close()

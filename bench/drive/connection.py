"""One keep-alive TCP connection, with or without TLS: bytes out, stamped bytes in. It decides nothing."""

import errno
import os
import socket
import ssl
import time
from typing import Any

from gevent import monkey

from bench.drive.stamps import CONTROL_BYTES, MSG_ERRQUEUE, Clock, ask_for_stamps
from bench.drive.tls import Tls
from bench.protocol.framing import Framing

# The engine thread must not meet gevent's sockets.
_Socket: Any = monkey.get_original("socket", "socket")

_now_ns = time.monotonic_ns

READ_BYTES = 8192
"""Small on purpose: a large buffer makes Python fault in fresh pages for every read."""


class ConnectionLostError(OSError):
    """The peer cannot be reached, or is gone, or shows no certificate that we trust."""


class Connection:
    """A non-blocking socket. `fd` is what epoll watches; `connected` says that it can carry requests."""

    def __init__(self, family: int, address: Any, clock: Clock, tls: Tls | None) -> None:
        self._clock, self._tls = clock, tls
        self._socket = _Socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd: int = self._socket.fileno()
        self.framing = Framing()
        self.connected = False
        self.watched_for_writing = True
        self._reached = False
        self._stamped = False
        self._wire = b""
        self.pending = b""
        """What the socket did not take yet."""
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
        return not self._reached or bool(self.pending)

    def begin(self, wire: bytes) -> None:
        """Take a request, and send it as far as that goes; ConnectionLostError."""
        self.handed_ns = self.sent_ns = None
        if not self.connected:
            self._wire = wire
        elif self._tls or self.pending:
            self._hand(wire)
        else:
            self.handed_ns = _now_ns()
            self._send(wire)

    def advance(self) -> bool:
        """Connect further, then send what is pending. Whether it is connected; or ConnectionLostError."""
        self.push()
        if not self.pending:
            # The stamp of a send is there when the send is done, as a rule: no wake-up for it then.
            self.collect_sent()
        return self.connected

    def push(self) -> None:
        """The same without a look for the stamp of what was sent."""
        if not self.connected:
            self._connect()
        if self._wire and self.connected:
            wire, self._wire = self._wire, b""
            self._hand(wire)
        elif self.pending:
            self._send(self.pending)

    def _hand(self, wire: bytes) -> None:
        # The last words of a handshake may still be pending, and go first.
        if self._tls or self.pending:
            wire = self.pending + (self._tls.encrypt(wire) if self._tls else wire)
        self.handed_ns = _now_ns()
        self._send(wire)

    def _connect(self) -> None:
        if not self._reached:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise ConnectionLostError(code, os.strerror(code))
            self._reached = True
            self._stamped = ask_for_stamps(self._socket)
        if self._tls is None:
            self.connected = True
        elif not self.pending:
            self._greet(self._tls)

    def _greet(self, tls: Tls) -> None:
        try:
            heard = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            heard = None
        except OSError as error:
            raise ConnectionLostError(*error.args) from error
        if heard == b"":
            raise ConnectionLostError(errno.ECONNRESET, "closed in the middle of the TLS handshake")
        try:
            self.connected = tls.greet(heard or b"")
        except ssl.SSLError as error:
            raise ConnectionLostError(errno.EPROTO, f"TLS: {error}") from error
        self.pending = tls.outgoing()

    def _send(self, wire: bytes) -> None:
        while wire:
            try:
                count = self._socket.send(wire)
            except BlockingIOError:
                break
            except OSError as error:
                raise ConnectionLostError(*error.args) from error
            self._sent_bytes += count
            if count == len(wire):
                self.pending = b""
                return
            wire = wire[count:]
        self.pending = wire

    def receive(self) -> tuple[bytes, int, int, bool]:
        """Bytes (empty: the peer closed), their stamp, when they were read, and whether the kernel stamped.

        Raises BlockingIOError when there is nothing to read, ConnectionLostError when the peer is gone.
        """
        try:
            data, control, _, _ = self._socket.recvmsg(READ_BYTES, CONTROL_BYTES)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise
            raise ConnectionLostError(*error.args) from error
        read_ns = _now_ns()
        stamp_ns = self._clock.received_ns(control)
        if self._tls and data:
            data = self._decrypt(self._tls, data)
        return data, stamp_ns or read_ns, read_ns, stamp_ns is not None

    def _decrypt(self, tls: Tls, data: bytes) -> bytes:
        """Raises BlockingIOError as long as there is no whole TLS record."""
        try:
            plain = tls.decrypt(data)
        except ssl.SSLError as error:
            raise ConnectionLostError(errno.EPROTO, f"TLS: {error}") from error
        if plain is None:
            raise BlockingIOError
        return plain

    def collect_sent(self) -> None:
        """Read the error queue: when did the last byte of the request leave?"""
        while self._stamped:
            try:
                _, control, _, _ = self._socket.recvmsg(1, CONTROL_BYTES, MSG_ERRQUEUE)
            except OSError:
                return
            sent_ns = self._clock.sent_ns(control, self._sent_bytes - 1)
            if sent_ns is not None and not self.pending:
                self.sent_ns = sent_ns
                return

    def close(self) -> None:
        """Close at once."""
        self._socket.close()

"""The connections of one address: opened before the clock starts, kept alive, and watched by one epoll."""

import select
import socket
import time
from typing import Any

from gevent import monkey

from bench.drive.connection import Connection, ConnectionLostError
from bench.drive.stamps import Clock
from bench.drive.tls import Tls, context_of
from bench.protocol import Endpoint

_epoll: Any = monkey.get_original("select", "epoll")

READABLE = select.EPOLLIN | select.EPOLLHUP
WRITABLE = select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP


class Pool:
    """Lends connections; `opened` and `reused` count, for the facts about ourselves."""

    def __init__(self, endpoint: Endpoint, connect_s: float, clock: Clock) -> None:
        self.poll = _epoll()
        self._clock = clock
        self._host = endpoint.host
        self._context = context_of(endpoint) if endpoint.is_tls else None
        self._family, self._address = _reachable(endpoint, connect_s)
        self._waiting: dict[int, Connection] = {}
        self._idle: dict[int, Connection] = {}
        self.opened = self.reused = 0

    def fill(self, count: int, limit_s: float) -> None:
        """Have so many connections ready, as far as the peer lets us within `limit_s`."""
        end_ns = time.monotonic_ns() + int(limit_s * 1e9)
        for _ in range(count):
            try:
                connection = self._connect()
            except OSError:
                break
            self._waiting[connection.fd] = connection
        while self._waiting and time.monotonic_ns() < end_ns:
            for fd, mask in self.poll.poll(0.05):
                self.attend(fd, mask)

    def take(self) -> Connection:
        """A connection to carry one request; it may still be connecting. Raises OSError."""
        if not self._idle:
            return self._connect()
        self.reused += 1
        return self._idle.popitem()[1]

    def give_back(self, connection: Connection) -> None:
        """It may carry another."""
        self._idle[connection.fd] = connection

    def drop(self, connection: Connection) -> None:
        """It is of no more use."""
        self.poll.unregister(connection.fd)
        connection.close()

    def watch(self, connection: Connection) -> None:
        """Hear of it when it can be written, where it wants to be."""
        wants = connection.wants_to_write
        if connection.watched_for_writing != wants:
            connection.watched_for_writing = wants
            self.poll.modify(connection.fd, select.EPOLLIN | select.EPOLLOUT * wants)

    def attend(self, fd: int, mask: int) -> None:
        """Something happened to a connection that carries nothing."""
        connection = self._idle.get(fd) or self._waiting.get(fd)
        if connection is None:
            return
        try:
            self._look_after(connection, mask)
        except ConnectionLostError:
            self._idle.pop(fd, None)
            self._waiting.pop(fd, None)
            self.drop(connection)

    def _look_after(self, connection: Connection, mask: int) -> None:
        if not connection.connected:
            if connection.advance():
                self._idle[connection.fd] = self._waiting.pop(connection.fd)
            self.watch(connection)
            return
        connection.collect_sent()
        if mask & READABLE:
            try:
                connection.receive()
            except BlockingIOError:
                return  # TLS has its own business, of which its tickets are one
            raise ConnectionLostError("a kept connection that speaks or closes is of no more use")

    def _connect(self) -> Connection:
        tls = Tls(self._context, self._host) if self._context else None
        connection = Connection(self._family, self._address, self._clock, tls)
        self.poll.register(connection.fd, select.EPOLLIN | select.EPOLLOUT)
        self.opened += 1
        return connection

    def close(self) -> None:
        """Close what carries nothing, and the epoll."""
        for connection in (*self._waiting.values(), *self._idle.values()):
            connection.close()
        self.poll.close()


def _reachable(endpoint: Endpoint, timeout_s: float) -> tuple[int, Any]:
    """The first address of the host, as the system orders them, at which something listens.

    Raises OSError (of the last address tried; socket.gaierror for a name nobody knows).
    """
    error = OSError(f"no address for {endpoint.host}")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM
    ):
        with socket.socket(family, kind, protocol) as probe:
            probe.settimeout(timeout_s)
            try:
                probe.connect(address)
            except OSError as refusal:
                error = refusal
            else:
                return family, address
    raise error

"""When bytes of a TCP socket came and went, as the kernel saw it, on CLOCK_MONOTONIC.

This is the simulated server's own reading of SO_TIMESTAMPING: it shares nothing with the generator that it
checks. Constants are those of Linux's `net_tstamp.h` and `errqueue.h`, which Python does not name.
"""

import socket
import struct
import time
from collections.abc import Iterator

_SO_TIMESTAMPING = 37
_RX = 0b0000_1000
_TX = 0b0000_0010
_REPORT_SOFTWARE = 0b0001_0000
_NUMBERED_BY_BYTE = 1 << 7 | 1 << 16
_WITHOUT_PAYLOAD = 1 << 11
_ALL = _RX | _TX | _REPORT_SOFTWARE | _NUMBERED_BY_BYTE | _WITHOUT_PAYLOAD

_ERROR_QUEUE = 0x2000
_CONTROL_BYTES = 256
_READ_BYTES = 65_536
_TIME = struct.Struct("=qq")
_NUMBER = struct.Struct("=I")
_NUMBER_AT = 12
_S = 1_000_000_000


class Stamps:
    """Reads sockets with their stamps; `renew` it at least once a second."""

    def __init__(self) -> None:
        self._behind_ns = 0
        self.renew()

    def renew(self) -> None:
        """Read again by how much CLOCK_MONOTONIC is behind the kernel's CLOCK_REALTIME."""
        readings = []
        for _ in range(5):
            before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
            readings.append((after - before, wall - (before + after) // 2))
        self._behind_ns = min(readings)[1]

    def ask(self, sock: socket.socket) -> None:
        """Have every later byte stamped. Raises OSError where the kernel will not."""
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _ALL)

    def listen(self, sock: socket.socket) -> None:
        """Keep the kernel stamping what arrives, also on connections that nobody has accepted yet."""
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _RX | _REPORT_SOFTWARE)

    def read(self, sock: socket.socket) -> tuple[bytes, int]:
        """Bytes, and when the last of them arrived. Raises OSError as `recv` does."""
        data, control, _, _ = sock.recvmsg(_READ_BYTES, _CONTROL_BYTES)
        for _, kind, stamp in control:
            if kind == _SO_TIMESTAMPING:
                return data, self._monotonic_ns(stamp)
        return data, time.monotonic_ns()

    def departures(self, sock: socket.socket) -> Iterator[tuple[int, int]]:
        """What left since the last call: number of the last byte of a write (from 0, 32 bits), and when."""
        while True:
            try:
                _, control, _, _ = sock.recvmsg(0, _CONTROL_BYTES, _ERROR_QUEUE)
            except OSError:
                return
            stamp = number = None
            for _, kind, data in control:
                if kind == _SO_TIMESTAMPING:
                    stamp = data
                elif len(data) >= _NUMBER_AT + _NUMBER.size:
                    (number,) = _NUMBER.unpack_from(data, _NUMBER_AT)
            if stamp is not None and number is not None:
                yield number, self._monotonic_ns(stamp)

    def _monotonic_ns(self, stamp: bytes) -> int:
        seconds, rest = _TIME.unpack_from(stamp)
        return int(seconds * _S + rest - self._behind_ns)

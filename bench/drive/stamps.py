"""Kernel time stamps of TCP bytes (SO_TIMESTAMPING), on the monotonic clock.

The kernel stamps in CLOCK_REALTIME; `Clock` maps to CLOCK_MONOTONIC by an offset that is read again each
second. A stamp belongs to the last byte of a read, or of a send. Constants are those of Linux's
`linux/net_tstamp.h` and `linux/errqueue.h`, which Python 3.11 does not name.
"""

import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

SO_TIMESTAMPING = 37
SOF_TX_SOFTWARE = 1 << 1
SOF_RX_SOFTWARE = 1 << 3
SOF_SOFTWARE = 1 << 4
SOF_OPT_ID = 1 << 7
SOF_OPT_TSONLY = 1 << 11
SOF_OPT_ID_TCP = 1 << 16
IP_RECVERR = 11
IPV6_RECVERR = 25
MSG_ERRQUEUE = 0x2000

CONTROL_BYTES = 256
REREAD_EVERY_NS = 1_000_000_000

_timespec: Callable[[bytes], tuple[int, int]] = struct.Struct("=qq").unpack_from
_byte_number: Callable[[bytes], tuple[int]] = struct.Struct("=12xI").unpack_from
"""Of an extended error, `ee_data`."""

_SOCKET: int = socket.SOL_SOCKET
_RECVERR = (IP_RECVERR, IPV6_RECVERR)
_INTERNET = (socket.IPPROTO_IP, socket.IPPROTO_IPV6)

Control = Sequence[tuple[int, int, bytes]]


def ask_for_stamps(sock: Any) -> bool:
    """Turn stamps on for a connected socket; False where the kernel will not."""
    flags = SOF_TX_SOFTWARE | SOF_RX_SOFTWARE | SOF_SOFTWARE | SOF_OPT_ID | SOF_OPT_TSONLY
    for extra in (
        SOF_OPT_ID_TCP,
        0,
    ):  # before Linux 6.2 the first is unknown, and not needed on a fresh socket
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags | extra)
        except OSError:
            continue
        return True
    return False


class Clock:
    """Wall-clock stamps on the monotonic clock."""

    def __init__(self) -> None:
        self._offset_ns = 0
        self._read_ns = -REREAD_EVERY_NS
        self.refresh(time.monotonic_ns())

    def refresh(self, now_ns: int) -> None:
        """Read the offset again if the last reading is a second old."""
        if now_ns - self._read_ns >= REREAD_EVERY_NS:
            self._offset_ns = min(_reading() for _ in range(5))[1]
            self._read_ns = now_ns

    def received_ns(self, control: Control) -> int | None:
        """The stamp that came with a read, if one did: nothing else was asked for."""
        if not control:
            return None
        level, kind, stamp = control[0]
        if kind != SO_TIMESTAMPING or level != _SOCKET:
            return None
        seconds, nanoseconds = _timespec(stamp)
        return seconds * 1_000_000_000 + nanoseconds - self._offset_ns if seconds else None

    def sent_ns(self, control: Control, number: int) -> int | None:
        """The stamp that tells when the byte with that number left (from 0, since stamps were asked for)."""
        if len(control) != 2:
            return None
        # The kernel gives the stamp first, then the error that says whose it is.
        (level, kind, stamp), (family, error, said) = control
        if kind != SO_TIMESTAMPING or level != _SOCKET or error not in _RECVERR or family not in _INTERNET:
            return None
        seconds, nanoseconds = _timespec(stamp)
        is_it = seconds and _byte_number(said)[0] == number & 0xFFFFFFFF
        return seconds * 1_000_000_000 + nanoseconds - self._offset_ns if is_it else None


def _reading() -> tuple[int, int]:
    """How long it took, and the offset of wall to monotonic time in the middle of it."""
    before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return after - before, wall - (before + after) // 2

"""An alarm on the event loop that rings within some tens of microseconds.

asyncio's own timers ring up to a millisecond late: epoll counts in whole ones. A timerfd on CLOCK_MONOTONIC
does not; Python names none before 3.13.
"""

import asyncio
import contextlib
import ctypes
import os
import struct
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_NEVER = bytes(32)
_ONCE = struct.Struct("@qqqq")
_S = 1_000_000_000

_libc = ctypes.CDLL(None, use_errno=True)


class Alarm:
    """Calls `ring` on the running loop at the instant that was set last; only once."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._fd: int = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._ring = ring
        self._at_ns: int | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._rang)

    def set(self, at_ns: int | None) -> None:
        """Ring then, or at once if it is past; None: never."""
        if at_ns == self._at_ns:
            return
        self._at_ns = at_ns
        when = _NEVER if at_ns is None else _ONCE.pack(0, 0, *divmod(max(at_ns, 1), _S))
        if _libc.timerfd_settime(self._fd, _ABSOLUTE, when, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Never ring again."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _rang(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        self._at_ns = None
        self._ring()

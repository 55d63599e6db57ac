"""A timer that epoll can wait for, to the microsecond: epoll's own time-out only knows milliseconds."""

import contextlib
import ctypes
import os
import struct

CLOCK_MONOTONIC = 1
TFD_NONBLOCK = os.O_NONBLOCK
TFD_CLOEXEC = os.O_CLOEXEC
TFD_TIMER_ABSTIME = 1

_libc = ctypes.CDLL(None, use_errno=True)
_ITIMERSPEC = struct.Struct("@qqqq")


class Timer:
    """A timerfd on the monotonic clock (Python has none before 3.13)."""

    def __init__(self) -> None:
        self.fd = _libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._armed_ns: int | None = None

    def arm(self, at_ns: int | None) -> None:
        """Become readable at that monotonic instant (at once if it is past); None: never."""
        if at_ns == self._armed_ns:
            return
        instant = max(at_ns, 1) if at_ns is not None else 0
        spec = _ITIMERSPEC.pack(0, 0, *divmod(instant, 1_000_000_000))
        if _libc.timerfd_settime(self.fd, TFD_TIMER_ABSTIME, spec, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._armed_ns = at_ns

    def rang(self) -> None:
        """Take note that it rang."""
        self._armed_ns = None
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

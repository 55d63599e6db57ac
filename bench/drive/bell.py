"""A bell that epoll can wait for: other threads ring it to have the engine look up."""

import os
from typing import Any

from gevent import monkey

# A greenlet may ring; the thread that answers must not meet gevent's locks.
_lock_of: Any = monkey.get_original("_thread", "allocate_lock")


class Bell:
    """An eventfd. Any thread may ring it, also while its owner closes it, and afterwards: then nobody hears.

    Without the lock, who rings last could find the descriptor closed, or in other hands.
    """

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._open = True
        self._lock = _lock_of()

    def ring(self) -> None:
        """Become readable."""
        with self._lock:
            if self._open:
                os.eventfd_write(self.fd, 1)

    def rang(self) -> None:
        """Take note that it rang."""
        os.eventfd_read(self.fd)

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            self._open = False
            os.close(self.fd)

"""Comment lines in a stream that has been silent for a while."""

import asyncio
from collections.abc import Callable

COMMENT = b":\n\n"


class KeepAlive:
    """Calls back after each stretch of silence; a write only moves an instant, so that it costs nothing."""

    def __init__(self, silence_s: float, speak: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._silence_s = silence_s
        self._speak = speak
        self._wrote_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Silence counts from now on; without a length of silence nothing is ever said."""
        self.wrote()
        if self._silence_s:
            self._timer = self._loop.call_at(self._wrote_s + self._silence_s, self._look)

    def wrote(self) -> None:
        """Something was written."""
        self._wrote_s = self._loop.time()

    def stop(self) -> None:
        """Say no more."""
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        now_s = self._loop.time()
        if self._wrote_s + self._silence_s <= now_s:
            self._speak()
            self._wrote_s = now_s
        self._timer = self._loop.call_at(self._wrote_s + self._silence_s, self._look)

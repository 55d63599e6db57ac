"""What a run looks like while it goes on: one line that renews itself, or a plain line every few seconds."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

PLAIN_EVERY_S = 5.0

INTERRUPTS = {
    1: "stopping: nothing more is sent, replies are waited for (Ctrl-C again to end at once)",
    2: "ending at once",
}


class ProgressLine:
    """Listens to the drive; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )
        self._plain_at_s = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, line: dict[str, Any]) -> None:
        """Take a line of the drive."""
        match line:
            case {"progress": progress}:
                self._show(progress)
            case {"say": text}:
                self._console.print(text, highlight=False)
            case {"web": url}:
                self._console.print(f"Locust's page is at {url} while the run goes on", highlight=False)
            case {"interrupt": int(count)} if count in INTERRUPTS:
                self._console.print(INTERRUPTS[count], highlight=False)

    def _show(self, progress: dict[str, Any]) -> None:
        text = progress_text(progress)
        if self._live:
            self._live.update(Text(text))
        elif progress["elapsed_s"] >= self._plain_at_s:
            self._plain_at_s = progress["elapsed_s"] + PLAIN_EVERY_S
            self._console.print(text, highlight=False, soft_wrap=True)


def progress_text(progress: dict[str, Any]) -> str:
    """One line of at most 100 columns."""
    of = "" if progress["scheduled"] is None else f" of {progress['scheduled']}"
    ttft = "-" if progress["ttft_p50_ms"] is None else f"{progress['ttft_p50_ms']} ms"
    return (
        f"{progress['elapsed_s']:6.1f} of {progress['duration_s']:g} s   sent {progress['sent']}{of}   "
        f"in flight {progress['in_flight']}   errors {progress['errors']}   TTFT p50 {ttft}"
    )

"""Server-sent events: bytes in any split -> the data of each event.

StreamMalformedError   an event larger than any real one
"""

MAX_EVENT_BYTES = 16 << 20


class StreamMalformedError(ValueError):
    """Bytes that are no event stream."""


class EventDecoder:
    """Feeds on bytes as they come; equal bytes give equal events at every split.

    Follows the HTML standard's event stream format: lines end in LF, CR LF or CR, a blank line ends an event,
    `data` lines of one event are joined with LF, comments and other fields are passed over.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._skip_lf = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that `chunk` completes."""
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        text = self._rest + chunk
        if b"\r" in text:
            # A CR at the very end may be half of a CR LF.
            self._skip_lf = text.endswith(b"\r")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise StreamMalformedError(f"a line of more than {MAX_EVENT_BYTES} bytes in an event stream")
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> bytes | None:
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            self._data.append(b"")
        elif not line and self._data:
            event = b"\n".join(self._data)
            self._data.clear()
            return event
        return None

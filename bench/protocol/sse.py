"""Server-sent events: bytes in any split -> the data of each event.

StreamMalformedError   an event larger than any real one
"""

MAX_EVENT_BYTES = 1 << 20


class StreamMalformedError(ValueError):
    """Bytes that are no event stream."""


class EventDecoder:
    """Feeds on bytes as they come; equal bytes give equal events at every split.

    Follows the HTML standard's event stream format: lines end in LF, CR LF or CR, a blank line ends an event,
    `data` lines of one event are joined with LF, comments and other fields are passed over. Beyond it, a line
    `error: ...` counts as data: that is how llama.cpp tells of an error in a stream.
    """

    def __init__(self) -> None:
        # A line's pieces are gathered in place: joined anew at each, tiny ones would cost dear.
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._skip_lf = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that `chunk` completes."""
        if self._is_plain(chunk):
            return [chunk[6:-2]]
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            # A CR at the very end may be half of a CR LF.
            self._skip_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        if lines and self._rest:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        events = [event for line in lines if (event := self._line(line)) is not None]
        self._rest += rest
        if len(self._rest) + self._size > MAX_EVENT_BYTES:
            raise StreamMalformedError(f"more than {MAX_EVENT_BYTES} bytes in one event")
        return events

    def _is_plain(self, chunk: bytes) -> bool:
        """Whether it is one whole event of one line, as most chunks are: that needs no look at its lines."""
        return (
            chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\n") == len(chunk) - 2
            and b"\r" not in chunk
            and not (self._rest or self._data or self._size or self._skip_lf)
        )

    def _line(self, line: bytes) -> bytes | None:
        self._size += len(line)
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            self._data.append(b"")
        elif line.startswith(b"error:"):
            self._data.append(line[6:])
        elif not line:
            self._size = 0
            event = b"\n".join(self._data) if self._data else None
            self._data.clear()
            return event
        return None

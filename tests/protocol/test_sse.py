import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.protocol import EventDecoder, StreamMalformedError
from bench.protocol.sse import MAX_EVENT_BYTES
from tests.protocol.wire import cut

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12).map(
    str.encode
)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
NOISE = st.sampled_from([b": keep-alive", b":", b"event: x", b"id: 7", b"retry: 9", b"dat", b"database: no"])
PLACES = st.lists(st.integers(0, 10_000), max_size=8)


@st.composite
def _streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A valid stream with every kind of line end and some noise, and its events."""
    stream, events = b"", []
    for lines in draw(st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5)):
        end = draw(END)
        for line in lines:
            space = b" " if line.startswith(b" ") or draw(st.booleans()) else b""
            stream += b"".join(noise + end for noise in draw(st.lists(NOISE, max_size=1)))
            stream += b"data:" + space + line + end
        stream += end
        events.append(b"\n".join(lines))
    return stream, events


def _decoded(pieces: list[bytes]) -> list[bytes]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@settings(max_examples=60)
@given(_streams(), PLACES)
def test_a_valid_stream_gives_its_events_at_every_split(
    known: tuple[bytes, list[bytes]], places: list[int]
) -> None:
    """Whole, in pieces, and byte by byte."""
    stream, events = known
    assert _decoded([stream]) == events
    assert _decoded(cut(stream, places)) == events
    assert _decoded([stream[i : i + 1] for i in range(len(stream))]) == events


@given(st.binary(max_size=300) | st.text("dat:\r\n x").map(str.encode), PLACES)
def test_arbitrary_bytes_give_the_same_events_at_every_split(data: bytes, places: list[int]) -> None:
    """Nonsense is no reason to depend on how it was cut, or to raise."""
    assert _decoded(cut(data, places)) == _decoded([data])


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [b"a", b"b", b"c"]),
        (b"data: a\ndata:b\ndata\n\n", [b"a\nb\n"]),
        (b"data:  two spaces\n\n", [b" two spaces"]),
        (b": comment\n\n: comment\n\n", []),
        (b"event: ping\nid: 3\n\n", []),
        (b"data: a\n: in between\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\n\n\n\n", [b"a"]),
        (b"data:\n\n", [b""]),
        (b'data: a\n\nerror: {"code": 5}\n\nerrors: b\n\n', [b"a", b' {"code": 5}']),
        (b"data: never ended\n", []),
    ],
)
def test_the_event_stream_format(stream: bytes, events: list[bytes]) -> None:
    """As the HTML standard has it: three line ends, comments, joined lines, one space off."""
    assert _decoded([stream]) == events


@pytest.mark.parametrize("piece", [b"x" * 8192, b"data: " + b"x" * 8000 + b"\n"], ids=["line", "lines"])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    """Neither one endless line nor endless lines of one event fill the memory."""
    decoder = EventDecoder()
    for _ in range(MAX_EVENT_BYTES // len(piece)):
        assert decoder.feed(piece) == []
    with pytest.raises(StreamMalformedError, match="bytes in one event"):
        decoder.feed(piece)


def test_many_events_in_one_piece_are_not_one_large_event() -> None:
    """The limit is for one event, not for one read."""
    piece = b"data: x\n\n" * (MAX_EVENT_BYTES // 8)
    assert len(EventDecoder().feed(piece)) == MAX_EVENT_BYTES // 8


def test_a_large_event_in_tiny_pieces_is_no_more_work_than_its_size() -> None:
    """Half a million pieces: joined anew at each of them it would take many minutes."""
    decoder, data = EventDecoder(), b"data: " + b"x" * (MAX_EVENT_BYTES // 2)
    for place in range(len(data)):
        assert decoder.feed(data[place : place + 1]) == []
    assert decoder.feed(b"\n\n") == [data[6:]]

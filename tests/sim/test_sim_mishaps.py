"""What a fault plan does to single replies: each kind on the wire, on whole replies and on streams."""

import json
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import msgpack
import pytest

from bench.sim.truth import read_truth
from tests.sim.process import Faulty, Running
from tests.sim.wire import (
    CHAT,
    COMPLETIONS,
    DONE,
    ENCODE,
    GENERATE,
    ITEMS,
    PAIRS,
    PROMPT,
    SCORE,
    body,
    lines,
    streamed,
    trace,
)

SIGNALS_0_4 = {
    "PROVISIONING": (202, None, "120"),
    "MODEL_LOADING": (503, "MODEL_LOADING", "5"),
    "LORA_LOADING": (503, "LORA_LOADING", "5"),
    "RESOURCE_EXHAUSTED": (503, "RESOURCE_EXHAUSTED", "5"),
    "QUEUE_FULL": (503, "QUEUE_FULL", "1"),
    "QUEUE_UNAVAILABLE": (503, "transport_failure", None),
    "NO_CONSUMERS": (503, "transport_failure", "120"),
    "BACKPRESSURE": (503, "transport_failure", "5"),
    "RATE_LIMIT_EXCEEDED": (429, "rate_limit_exceeded", "1"),
    "RATE_LIMIT": (429, "RATE_LIMIT", "1"),
    "CANCELLED": (408, "cancelled", None),
    "MODEL_LOAD_FAILED": (502, "MODEL_LOAD_FAILED", None),
    "INPUT_TOO_LONG": (400, "INPUT_TOO_LONG", None),
    "CONTEXT_EXCEEDED": (400, "context_exceeded", None),
    "INFERENCE_ERROR": (500, "inference_error", None),
    "GATEWAY_TIMEOUT": (504, "first_chunk_timeout", None),
    "OVERALL_TIMEOUT": (504, "overall_timeout", None),
    "INTER_CHUNK_TIMEOUT": (502, "inter_chunk_timeout", None),
    "RESULT_CLOSED": (504, "transport_failure", None),
}
CHANGES_0_10 = {
    "PROVISIONING": (503, "provisioning", "60"),
    "NO_CONSUMERS": (503, "transport_failure", "60"),
    "GATEWAY_TIMEOUT": (504, "first_chunk_timeout", "5"),
    "RESULT_CLOSED": (504, "transport_failure", "5"),
}
NATIVE = {
    "QUEUE_UNAVAILABLE": "QUEUE_UNAVAILABLE",
    "NO_CONSUMERS": "QUEUE_UNAVAILABLE",
    "BACKPRESSURE": "QUEUE_UNAVAILABLE",
    "INFERENCE_ERROR": "INFERENCE_ERROR",
    "GATEWAY_TIMEOUT": "GATEWAY_TIMEOUT",
    "RATE_LIMIT_EXCEEDED": "RATE_LIMIT_EXCEEDED",
}


def refusals(operation: str, names: list[str]) -> str:
    """A plan that refuses with each of these signals in turn."""
    return "".join(f"- {{fault: refuse, operation: {operation}, signal: {name}}}\n" for name in names)


@pytest.mark.parametrize("dialect", ["0.4", "0.10"])
def test_every_signal_on_a_generating_route(faulty: Faulty, dialect: str) -> None:
    """Status, code and advice are the contract's; streams are refused before they begin."""
    expected = SIGNALS_0_4 | (CHANGES_0_10 if dialect == "0.10" else {})
    http = faulty(refusals("chat", list(expected)), "--dialect", dialect).http
    for name, (status, code, advice) in expected.items():
        reply = http.post(COMPLETIONS, json=CHAT | {"stream": True})
        assert (name, reply.status_code, reply.headers.get("retry-after")) == (name, status, advice)
        assert (name, reply.json().get("error", {}).get("code")) == (name, code)
        if dialect == "0.10":
            assert reply.headers["x-sie-error-code"] == NATIVE.get(name, reply.headers["x-sie-error-code"])


def test_signals_on_a_native_route(faulty: Faulty) -> None:
    """What the gateway finds stands in `detail`, what a worker says in `error`."""
    http = faulty(refusals("score", list(NATIVE))).http
    for code in NATIVE.values():
        value = http.post(SCORE, json=PAIRS).json()
        detail = value.get("detail") or value["error"]
        assert ("detail" in value, detail["code"]) == (code in ("QUEUE_UNAVAILABLE", "GATEWAY_TIMEOUT"), code)


def test_signals_with_a_shape_of_their_own(faulty: Faulty) -> None:
    """`error` as a string, a native 401 on an OpenAI route, and the pages of a proxy."""
    plan = refusals("any", ["ALL_ITEMS_FAILED", "UNAUTHORIZED", "PROXY_502", "PROXY_503"])
    http = faulty(plan).http
    items = http.post(ENCODE, json=ITEMS)
    assert (items.status_code, items.json()["error"]) == (500, "all_items_failed")
    codes = [detail["code"] for detail in items.json()["details"]]
    assert codes == ["MODEL_LOADING", "INFERENCE_ERROR"]
    stranger = http.post(COMPLETIONS, json=CHAT)
    assert (stranger.status_code, stranger.json()["detail"]["code"]) == (401, "UNAUTHORIZED")
    for status in (502, 503):
        page = http.post(GENERATE, json=PROMPT)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html")
        assert "x-sie-error-code" not in page.headers


def test_advice_can_be_anything(faulty: Faulty) -> None:
    """As it stands, unscaled, whatever the signal says by itself; or none at all."""
    entry = "- {{fault: refuse, operation: encode, signal: MODEL_LOADING, retry_after: {}}}\n"
    wanted = ["0", "7", "soon", "none"]
    http = faulty("".join(map(entry.format, wanted))).http
    advice = [http.post(ENCODE, json=ITEMS).headers.get("retry-after") for _ in wanted]
    assert advice == ["0", "7", "soon", None]


def test_whole_replies_can_lack_items_or_lie_about_usage(faulty: Faulty) -> None:
    """A 200 with a short list, in JSON and in msgpack; usage left out, or seven times too large."""
    http = faulty(
        "- {fault: short_items, operation: encode, missing: 2, count: 2}\n"
        "- {fault: short_items, operation: score}\n"
        "- {fault: no_usage, operation: generate}\n"
        "- {fault: wrong_usage, operation: chat}\n"
    ).http
    batch = {"items": [{"text": "one"}, {"text": "two"}, {"text": "three"}]}
    assert len(http.post(ENCODE, json=batch).json()["items"]) == 1
    packed = http.post(ENCODE, json=batch, headers={"Accept": "application/msgpack"})
    (item,) = msgpack.unpackb(packed.content)["items"]
    assert item["dense"]["values"][b"nd"] is True
    assert len(http.post(ENCODE, json=batch).json()["items"]) == 3
    assert len(http.post(SCORE, json=PAIRS).json()["scores"]) == 1
    assert "usage" not in http.post(GENERATE, json=PROMPT).json()
    assert http.post(COMPLETIONS, json=CHAT).json()["usage"]["completion_tokens"] == 701


def test_streams_can_lack_done_or_usage(faulty: Faulty) -> None:
    """All text comes; only what a careful client looks for at the end is missing or wrong."""
    http = faulty(
        "- {fault: no_done, operation: generate, requests: [1]}\n"
        "- {fault: no_usage, operation: any, requests: [2, 3]}\n"
        "- {fault: wrong_usage, operation: any, requests: [4, 5]}\n"
    ).http
    asked = {"stream_options": {"include_usage": True}}
    last = streamed(http, GENERATE)[-1]
    assert body(last)["done"] is True
    *_, last, done = streamed(http, GENERATE)
    assert "usage" not in body(last)
    assert (body(last)["finish_reason"], done) == ("length", DONE)
    *_, last, done = streamed(http, COMPLETIONS, **asked)
    assert body(last)["choices"][0]["finish_reason"] == "length"
    *_, last, done = streamed(http, COMPLETIONS, **asked)
    assert (body(last)["choices"], body(last)["usage"]["completion_tokens"]) == ([], 701)
    *_, last, done = streamed(http, GENERATE)
    assert body(last)["usage"]["completion_tokens"] == 701


def test_garbage(faulty: Faulty) -> None:
    """One event or one body that nobody can read; the stream goes on afterwards."""
    http = faulty(
        "- {fault: garbage, operation: generate, after_events: 1}\n- {fault: garbage, operation: encode}\n"
    ).http
    raw = http.post(GENERATE, json=PROMPT | {"stream": True}).content.split(b"\n\n")
    assert json.loads(raw[0].removeprefix(b"data: "))["seq"] == 0
    assert json.loads(raw[2].removeprefix(b"data: "))["seq"] == 1
    assert raw[-2].decode() == DONE
    for spoilt in (raw[1].removeprefix(b"data: "), http.post(ENCODE, json=ITEMS).content):
        with pytest.raises(ValueError, match=r"."):
            json.loads(spoilt)
        with pytest.raises((ValueError, msgpack.UnpackException)):
            msgpack.unpackb(spoilt)


def test_comments_come_in_floods(faulty: Faulty) -> None:
    """They stand before the event that the plan names, and are no events."""
    http = faulty("- {fault: comments, operation: chat, after_events: 1, lines: 500}\n").http
    events = streamed(http, COMPLETIONS)
    assert events[1:501] == [":"] * 500
    assert ":" not in (events[0], *events[501:])
    assert events[-1] == DONE


def test_a_connection_can_be_closed_after_a_reply(faulty: Faulty) -> None:
    """The reply is whole and says so; the next request needs a new connection."""
    http = faulty("- {fault: close, operation: any, count: 2}\n").http
    assert http.post(ENCODE, json=ITEMS).headers["connection"] == "close"
    reply = http.post(GENERATE, json=PROMPT | {"stream": True})
    assert (lines(reply)[-1], reply.headers["connection"]) == (DONE, "close")
    assert http.post(ENCODE, json=ITEMS).headers.get("connection") != "close"


@pytest.mark.parametrize(
    ("path", "asked"), [(ENCODE, ITEMS), (GENERATE, PROMPT | {"stream": True}), (COMPLETIONS, CHAT)]
)
def test_a_delay_of_a_reply_or_of_its_first_event(
    faulty: Faulty, path: str, asked: Mapping[str, object]
) -> None:
    """The headers of a stream come at once, its first event only after the delay."""
    http = faulty("- {fault: delay, operation: any, delay_s: 1.5}\n").http
    began_s = time.monotonic()
    with http.stream("POST", path, json=asked) as reply:
        for _ in reply.iter_bytes():
            break
    assert time.monotonic() - began_s >= 1.5


def silent(running: Running, path: str, asked: Mapping[str, object]) -> bytes:
    """What comes of a reply within a second and a half."""
    received = b""
    timeout = httpx.Timeout(20, read=1.5)
    with (
        suppress(httpx.ReadTimeout),
        running.http.stream("POST", path, json=asked, headers=trace(1), timeout=timeout) as reply,
    ):
        began_s = time.monotonic()
        for piece in reply.iter_bytes():
            received += piece
            if time.monotonic() - began_s > 1.5:
                break
    return received


def test_a_hanging_reply(faulty: Faulty, tmp_path: Path) -> None:
    """Not a byte of it comes, or nothing but comments after so many events; the gateway serves others."""
    truth = tmp_path / "truth.msgpack"
    plan = (
        "- {fault: hang, operation: encode}\n"
        "- {fault: hang, operation: generate, after_events: 2}\n"
        "- {fault: hang, operation: chat}\n"
    )
    running = faulty(plan, "--keep-alive-s", "0.5", "--inter-chunk-timeout-s", "0.2", "--truth", str(truth))
    assert silent(running, ENCODE, ITEMS) == b""
    assert silent(running, COMPLETIONS, CHAT | {"stream": True}) == b""
    stream = silent(running, GENERATE, PROMPT | {"stream": True}).decode().split("\n\n")
    assert [body(line)["seq"] for line in stream[:2]] == [0, 1]
    assert set(stream[2:]) == {":", ""}
    assert running.http.post(ENCODE, json=ITEMS).status_code == 200
    running.process.terminate()
    running.process.wait(timeout=10)
    assert [entry.kind for entry in read_truth(truth)[1]].count("gone") == 3


def connected(running: Running, path: str, asked: Mapping[str, object]) -> socket.socket:
    """A connection on which this request was sent."""
    url = httpx.URL(str(running.said["url"]))
    sent = json.dumps(asked).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent)}\r\n\r\n"
    connection = socket.create_connection((url.host, url.port or 0), timeout=20)
    connection.sendall(head.encode() + sent)
    return connection


def until_reset(running: Running, path: str, asked: Mapping[str, object]) -> bytes:
    """Everything that comes before the connection is reset; fails if it ends in any other way."""
    received: list[bytes] = []
    with connected(running, path, asked) as connection, pytest.raises(ConnectionResetError):
        received += iter(lambda: connection.recv(65536), b"")
    return b"".join(received)


def test_a_dropped_connection(faulty: Faulty, tmp_path: Path) -> None:
    """It is reset before the headers, or after so many events; the truth log says that it was we."""
    truth = tmp_path / "truth.msgpack"
    plan = (
        "- {fault: drop, operation: encode}\n"
        "- {fault: drop, operation: generate, after_events: 2}\n"
        "- {fault: drop, operation: chat, requests: [1]}\n"
    )
    running = faulty(plan, "--truth", str(truth))
    assert until_reset(running, ENCODE, ITEMS) == b""
    assert until_reset(running, COMPLETIONS, CHAT | {"stream": True}) == b""
    stream = until_reset(running, GENERATE, PROMPT | {"stream": True})
    assert (stream[:12], stream.count(b"data: ")) == (b"HTTP/1.1 200", 2)
    assert running.http.post(ENCODE, json=ITEMS).status_code == 200
    workers = running.http.get("/health").json()["workers"]
    assert [worker["queue_depth"] for worker in workers] == [0, 0]
    running.process.terminate()
    running.process.wait(timeout=10)
    kinds = [entry.kind for entry in read_truth(truth)[1]]
    assert (kinds.count("dropped"), kinds.count("gone")) == (3, 0)


def test_a_connection_can_be_closed_in_the_middle_of_a_stream(faulty: Faulty) -> None:
    """Without a reset, but before the end of the chunked body: an incomplete read to any client."""
    http = faulty("- {fault: drop, operation: chat, after_events: 1, how: close}\n").http
    with pytest.raises(httpx.RemoteProtocolError):
        streamed(http, COMPLETIONS)


def test_a_client_that_resets_is_gone(faulty: Faulty, tmp_path: Path) -> None:
    """The other way round the truth log blames the client."""
    truth = tmp_path / "truth.msgpack"
    running = faulty("- {fault: hang, operation: encode}\n", "--truth", str(truth))
    with connected(running, ENCODE, ITEMS) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.5)
    time.sleep(0.5)
    running.process.terminate()
    running.process.wait(timeout=10)
    assert [entry.kind for entry in read_truth(truth)[1] if entry.kind in ("gone", "dropped")] == ["gone"]

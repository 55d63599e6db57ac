"""`--null`: what it answers, and what its truth log says."""

import itertools
import json
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgpack
import pytest

from bench.sim.truth import Entry, read_truth
from tests.sim.process import Running, Start

TOKENS = 12
TTFT_S, GAP_S = 1.0, 0.1
TIMING = ("--null", "--null-ttft-ms", "1000", "--null-gap-ms", "100")


def trace(index: int) -> dict[str, str]:
    """The header that a measured request carries."""
    return {"traceparent": f"00-{'ab' * 16}-{1 << 48 | index:016x}-01"}


def chat(tokens: int = TOKENS, **more: Any) -> dict[str, Any]:
    """A streamed chat that asks for usage."""
    base = {"model": "null-chat", "messages": [{"role": "user", "content": "a" * 40}], "max_tokens": tokens}
    return base | {"stream": True, "stream_options": {"include_usage": True}} | more


def data_lines(text: str) -> list[str]:
    """The data of each event."""
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


def stopped(running: Running, truth: Path) -> list[Entry]:
    """What a log holds once its server has ended."""
    running.process.terminate()
    assert running.process.wait(timeout=10) == 0
    header, entries = read_truth(truth)
    assert header["settings"] == {"null": True, "ttft_ms": 1000.0, "gap_ms": 100.0}
    return entries


@pytest.fixture(scope="module")
def null(start: Start) -> Running:
    """A fast one."""
    return start("--null", "--null-ttft-ms", "5", "--null-gap-ms", "2")


def test_a_stream_has_a_token_an_event_and_ends_as_a_gateway_ends_it(null: Running) -> None:
    """Role with the first text, then text, then finish reason, usage and [DONE]."""
    reply = null.http.post("/v1/chat/completions", json=chat())
    assert reply.headers["content-type"] == "text/event-stream"
    *events, usage, done = data_lines(reply.text)
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events]
    assert [delta.get("role") for delta in deltas] == ["assistant", *[None] * (TOKENS - 1)]
    assert all(delta["content"] for delta in deltas)
    assert [json.loads(event)["choices"][0]["finish_reason"] for event in events][-2:] == [None, "length"]
    assert json.loads(usage)["usage"] == {"prompt_tokens": 10, "completion_tokens": 12, "total_tokens": 22}
    assert done == "[DONE]"


@pytest.mark.parametrize("tokens", [1, 2])
def test_the_shortest_streams_are_whole_too_and_usage_comes_only_when_asked(
    null: Running, tokens: int
) -> None:
    """One event holds everything where there is only one."""
    reply = null.http.post("/v1/chat/completions", json=chat(tokens, stream_options=None))
    *events, done = data_lines(reply.text)
    assert (len(events), done) == (tokens, "[DONE]")
    assert json.loads(events[-1])["choices"][0]["finish_reason"] == "length"
    assert "usage" not in json.loads(events[-1])


def test_encode_answers_a_vector_an_item(null: Running) -> None:
    """Msgpack in and out."""
    body = msgpack.packb({"items": [{"text": "one"}, {"text": "two"}]})
    reply = null.http.post("/v1/encode/null-encode", content=body)
    items = msgpack.unpackb(reply.content)["items"]
    assert [len(item["dense"]["values"][b"data"]) for item in items] == [4 * 512] * 2


def test_a_preflight_finds_a_gateway_that_says_it_is_simulated(null: Running) -> None:
    """Health, models, probes."""
    health = null.http.get("/health").json()
    assert health["type"] == "gateway"
    assert health["simulated"]["null"] is True
    assert set(health["workers"][0]["loaded_models"]) == {"null-chat", "null-encode"}
    listed = null.http.get("/v1/models")
    assert [model["id"] for model in listed.json()["data"]] == ["null-chat", "null-encode"]
    assert listed.headers["x-sie-version"] == health["version"]
    assert null.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", chat(stream=False), 400),
        ("/v1/chat/completions", chat(0), 400),
        ("/v1/chat/completions", {"stream": True}, 400),
        ("/v1/encode/null-encode", {"items": []}, 400),
        ("/v1/generate/null-chat", {}, 404),
    ],
)
def test_what_it_cannot_do_is_refused(null: Running, path: str, body: dict[str, Any], status: int) -> None:
    """In words, and it goes on."""
    reply = null.http.post(path, json=body)
    assert reply.status_code == status
    assert reply.json()["detail"]["message"]
    assert null.http.get("/healthz").status_code == 200


def test_bytes_that_are_no_http_end_the_connection_only(null: Running) -> None:
    """A client of another kind is told, and dropped."""
    parts = urlsplit(str(null.said["url"]))
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as stranger:
        stranger.sendall(b"what?\r\n\r\n")
        assert stranger.recv(4096).startswith(b"HTTP/1.1 400")
        assert stranger.recv(4096) == b""
    assert null.http.get("/healthz").status_code == 200


def test_the_truth_log_has_the_kernels_stamp_of_each_event_on_a_grid(start: Start, tmp_path: Path) -> None:
    """A stamp an event: the first after the time asked for, then one a gap."""
    truth = tmp_path / "truth.msgpack"
    running = start(*TIMING, "--truth", str(truth))
    before_ns = time.monotonic_ns()
    for index in (3, 4):
        assert running.http.post("/v1/chat/completions", json=chat(), headers=trace(index)).status_code == 200
    after_ns = time.monotonic_ns()
    entries = stopped(running, truth)
    assert Counter((entry.kind, entry.span) for entry in entries) == {
        **{("arrived", index): 1 for index in (3, 4)},
        **{("headers", index): 1 for index in (3, 4)},
        **{("event", index): TOKENS for index in (3, 4)},
    }
    events = [entry for entry in entries if entry.kind == "event" and entry.span == 4]
    assert [entry.sequence for entry in events] == list(range(TOKENS))
    stamps_ns = [entry.after_write_ns or 0 for entry in events]
    assert before_ns < stamps_ns[0] < stamps_ns[-1] < after_ns
    assert all((entry.before_write_ns or 0) >= entry.modelled_ns for entry in events)
    due_ns = [entry.modelled_ns for entry in events]
    assert {later - sooner for sooner, later in itertools.pairwise(due_ns)} == {100_000_000}
    arrived = next(entry for entry in entries if entry.kind == "arrived" and entry.span == 4)
    assert (stamps_ns[0] - arrived.modelled_ns) / 1e9 == pytest.approx(TTFT_S, rel=0.05)
    assert (stamps_ns[-1] - stamps_ns[0]) / 1e9 == pytest.approx(GAP_S * (TOKENS - 1), rel=0.05)


def test_whole_replies_are_in_the_log_and_strangers_have_no_index(start: Start, tmp_path: Path) -> None:
    """An encode has its arrival and its departure; a request without traceparent has no span."""
    truth = tmp_path / "truth.msgpack"
    running = start(*TIMING, "--truth", str(truth))
    body = msgpack.packb({"items": [{"text": "one"}]})
    running.http.post("/v1/encode/null-encode", content=body, headers=trace(7))
    running.http.post("/v1/encode/null-encode", content=body)
    entries = stopped(running, truth)
    assert [(entry.kind, entry.span) for entry in entries] == [
        ("arrived", 7),
        ("end", 7),
        ("arrived", None),
        ("end", None),
    ]
    assert entries[0].modelled_ns < (entries[1].after_write_ns or 0)


def test_a_client_that_leaves_is_noted(start: Start, tmp_path: Path) -> None:
    """The rest of its stream is not sent, and others are served."""
    truth = tmp_path / "truth.msgpack"
    running = start(*TIMING, "--truth", str(truth))
    with running.http.stream("POST", "/v1/chat/completions", json=chat(), headers=trace(0)) as reply:
        assert reply.status_code == 200
    running.http.post("/v1/chat/completions", json=chat(1), headers=trace(1))
    events = [entry.span for entry in stopped(running, truth) if entry.kind == "event"]
    assert events == [1]


def test_it_ends_with_its_parents_pipe(start: Start) -> None:
    """As the other simulated gateway does."""
    running = start("--null", "--until-stdin-closes")
    assert running.http.get("/healthz").status_code == 200
    assert running.process.stdin
    running.process.stdin.close()
    assert running.process.wait(timeout=10) == 0

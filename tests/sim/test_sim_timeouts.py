"""Time-outs of generation and of items, comments in idle streams; limits scaled down so that nobody waits."""

from pathlib import Path

import pytest

from bench.sim.truth import read_truth
from tests.sim.process import Faulty, Start
from tests.sim.wire import CHAT, COMPLETIONS, DONE, ENCODE, GENERATE, ITEMS, PROMPT, body, streamed, trace

NEVER = ("--fleet", "l4=1", "--model-load-s", "60")
LONG = 3000
LOST = "- {at_s: 0.3, fault: lose_worker, bundle: sglang, streams: hang}\n"


def test_no_first_chunk_is_an_error_in_the_stream_and_a_504_without_one(start: Start) -> None:
    """Headers are long gone, so a stream tells in an event: generate with seq 0, chat without an end."""
    http = start(*NEVER, "--first-chunk-timeout-s", "0.2").http
    event, done = streamed(http, GENERATE)
    expected = {"seq": 0, "text_delta": "", "done": True, "finish_reason": "error"}
    assert expected.items() <= body(event).items()
    assert (body(event)["error"]["code"], done) == ("first_chunk_timeout", DONE)
    event, done = streamed(http, COMPLETIONS)
    assert body(event)["choices"][0]["finish_reason"] is None
    assert (body(event)["error"]["code"], done) == ("first_chunk_timeout", DONE)
    for path, asked in ((GENERATE, PROMPT), (COMPLETIONS, CHAT)):
        reply = http.post(path, json=asked)
        assert (reply.status_code, reply.json()["error"]["code"]) == (504, "first_chunk_timeout")


def test_late_work_of_one_chosen_worker_is_published_once_more(start: Start, tmp_path: Path) -> None:
    """A key, or 64 bytes of prompt without extra spaces, choose a worker; the clock restarts once."""
    truth = tmp_path / "truth.msgpack"
    running = start(*NEVER, "--first-chunk-timeout-s", "0.2", "--truth", str(truth))
    asked = [
        {"prompt": "hi"},
        {"prompt": "w         " * 10},
        {"prompt": "many words " * 6},
        {"prompt": "hi", "routing_key": "a"},
        {"prompt": "hi", "prompt_cache_key": "a"},
    ]
    for index, fields in enumerate(asked):
        running.http.post(GENERATE, json=PROMPT | fields | {"stream": True}, headers=trace(index))
    running.process.terminate()
    running.process.wait(timeout=10)
    assert [entry.span for entry in read_truth(truth)[1] if entry.kind == "republished"] == [2, 3, 4]


def test_a_late_next_chunk_is_an_error_after_text(faulty: Faulty) -> None:
    """Generate counts from 0 again after any number of events; whole replies are a 502."""
    running = faulty(LOST, "--inter-chunk-timeout-s", "0.3", "--heartbeat-loss-s", "60")
    asked = PROMPT | {"max_new_tokens": LONG, "stream": True}
    events = running.http.post(GENERATE, json=asked, headers=trace(1)).text.split("\n\n")
    assert body(events[0])["text_delta"]
    assert body(events[-3])["seq"] == 0
    assert body(events[-3])["error"]["code"] == "inter_chunk_timeout"
    assert events[-2] == DONE
    running = faulty(LOST, "--inter-chunk-timeout-s", "0.3", "--heartbeat-loss-s", "60")
    reply = running.http.post(COMPLETIONS, json=CHAT | {"max_tokens": LONG}, headers=trace(1))
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "inter_chunk_timeout")


@pytest.mark.parametrize(
    ("dialect", "keys"),
    [("0.4", {"code", "message"}), ("0.10", {"code", "message", "param", "retry_after_s"})],
)
def test_an_answer_that_takes_too_long_altogether(start: Start, dialect: str, keys: set[str]) -> None:
    """The overall limit ends streams in the middle and whole replies with a 504."""
    http = start("--fleet", "l4=1", "--overall-timeout-s", "0.4", "--dialect", dialect).http
    *_, event, done = streamed(http, GENERATE, max_new_tokens=LONG)
    assert (body(event)["error"]["code"], done) == ("overall_timeout", DONE)
    assert body(event)["error"].keys() == keys
    reply = http.post(COMPLETIONS, json=CHAT | {"max_tokens": LONG})
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "overall_timeout")
    workers = http.get("/health").json()["workers"]
    assert [worker["queue_depth"] for worker in workers] == [0, 0]


@pytest.mark.parametrize(
    ("dialect", "status", "envelope", "code"),
    [("0.4", 503, "error", "MODEL_LOADING"), ("0.10", 504, "detail", "GATEWAY_TIMEOUT")],
)
def test_items_that_come_too_late(
    faulty: Faulty, dialect: str, status: int, envelope: str, code: str
) -> None:
    """0.4 calls overload "loading", 0.10 calls it a time-out; both ask to wait 5 s."""
    plan = "- {at_s: 0, fault: lose_worker, bundle: default, streams: hang}\n"
    http = faulty(plan, "--dialect", dialect, "--request-timeout-s", "0.2").http
    http.post(GENERATE, json=PROMPT, headers=trace(1))
    reply = http.post(ENCODE, json=ITEMS)
    assert (reply.status_code, reply.json()[envelope]["code"]) == (status, code)
    assert reply.headers["retry-after"] == "5"
    assert reply.headers["x-sie-error-code"] == code


def test_an_idle_stream_gets_comments(start: Start, tmp_path: Path) -> None:
    """A comment is a line of its own, no event, and the truth log knows it as such."""
    truth = tmp_path / "truth.msgpack"
    options = ("--first-chunk-timeout-s", "1", "--keep-alive-s", "0.2", "--truth", str(truth))
    running = start(*NEVER, *options)
    lines = streamed(running.http, GENERATE)
    running.process.terminate()
    running.process.wait(timeout=10)
    assert lines.count(":") >= 2
    assert lines[:2] == [":", ":"]
    entries = read_truth(truth)[1]
    assert [entry.kind for entry in entries].count("comment") == lines.count(":")
    assert [entry.sequence for entry in entries if entry.kind == "event"] == [0, 1]


def test_a_busy_stream_gets_none(start: Start) -> None:
    """What was written lately keeps the connection alive by itself; 0 turns comments off."""
    http = start("--fleet", "l4=1", "--keep-alive-s", "2").http
    assert ":" not in streamed(http, GENERATE, max_new_tokens=400)
    http = start(*NEVER, "--first-chunk-timeout-s", "0.3", "--keep-alive-s", "0").http
    assert ":" not in streamed(http, GENERATE)

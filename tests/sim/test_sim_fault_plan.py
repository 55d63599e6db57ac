"""Faults that count requests: refusals by name, streams with an error, streams that are cut."""

from pathlib import Path

import pytest

from tests.sim.process import Faulty
from tests.sim.wire import CHAT, DONE, ENCODE, GENERATE, ITEMS, PROMPT, body, lines, mistakes_of

PLAN = """\
- {fault: refuse, operation: encode, signal: MODEL_LOADING, count: 2}
- {fault: refuse, operation: encode, signal: MODEL_LOAD_FAILED}
- {fault: refuse, operation: encode, signal: INPUT_TOO_LONG}
- {fault: refuse, operation: encode, signal: GATEWAY_TIMEOUT}
- {fault: refuse, operation: chat, signal: RESOURCE_EXHAUSTED}
- {fault: refuse, operation: generate, signal: GATEWAY_TIMEOUT}
"""


@pytest.mark.parametrize(("dialect", "wait"), [("0.4", None), ("0.10", "5")])
def test_refusals_come_in_turn_each_in_its_shape(faulty: Faulty, dialect: str, wait: str | None) -> None:
    """Native routes have the worker's or the gateway's envelope; only some signals ask to wait."""
    http = faulty(PLAN, "--dialect", dialect).http
    replies = [http.post(ENCODE, json=ITEMS) for _ in range(6)]
    assert [reply.status_code for reply in replies] == [503, 503, 502, 400, 504, 200]
    loading, failed, long, late = replies[0], replies[2], replies[3], replies[4]
    assert loading.headers["retry-after"] == "5"
    assert loading.json()["error"]["code"] == loading.headers["x-sie-error-code"] == "MODEL_LOADING"
    assert failed.json()["error"].items() >= {"code": "MODEL_LOAD_FAILED", "permanent": True}.items()
    assert "retry-after" not in failed.headers
    assert long.json()["detail"]["code"] == "INPUT_TOO_LONG"
    assert late.json()["detail"]["code"] == "GATEWAY_TIMEOUT"
    assert late.headers.get("retry-after") == wait
    assert ("x-sie-error-code" in late.headers) == (dialect == "0.10")


def test_refusals_of_generation_have_the_openai_envelope(faulty: Faulty) -> None:
    """A refusal meets streams before they begin, and other operations not at all."""
    http = faulty(PLAN).http
    chat = http.post("/v1/chat/completions", json=CHAT | {"stream": True})
    assert (chat.status_code, chat.json()["error"]["type"]) == (503, "server_error")
    assert chat.headers["retry-after"] == "5"
    late = http.post(GENERATE, json=PROMPT)
    assert (late.status_code, late.json()["error"]["code"]) == (504, "first_chunk_timeout")
    assert http.post("/v1/chat/completions", json=CHAT).status_code == 200


def test_retry_after_can_be_scaled(faulty: Faulty) -> None:
    """It is a whole number of seconds, rounded up."""
    reply = faulty(PLAN, "--retry-after-scale", "0.3").http.post(ENCODE, json=ITEMS)
    assert reply.headers["retry-after"] == "2"


def test_a_stream_with_an_error_ends_with_done(faulty: Faulty) -> None:
    """So many events, then the error, then [DONE]; generate counts from 0 again."""
    http = faulty(
        "- {fault: stream_error, operation: generate, after_events: 2}\n"
        "- {fault: stream_error, operation: chat, after_events: 0, code: transport_failure}\n"
    ).http
    *events, error, done = lines(http.post(GENERATE, json=PROMPT | {"stream": True}))
    assert (len(events), done) == (2, DONE)
    assert (body(error)["seq"], body(error)["done"]) == (0, True)
    assert body(error)["error"].keys() == {"code", "message"}
    error, done = lines(http.post("/v1/chat/completions", json=CHAT | {"stream": True}))
    assert body(error)["error"]["code"] == "transport_failure"
    assert done == DONE
    assert lines(http.post(GENERATE, json=PROMPT | {"stream": True}))[-1] == DONE


def test_a_stream_error_says_more_at_0_10(faulty: Faulty) -> None:
    """The advice to wait is in the event, because headers are long gone."""
    plan = "- {fault: stream_error, operation: generate, after_events: 0, code: MODEL_LOADING}\n"
    http = faulty(plan, "--dialect", "0.10").http
    error = body(lines(http.post(GENERATE, json=PROMPT | {"stream": True}))[0])["error"]
    assert error.items() >= {"param": None, "retry_after_s": 5}.items()


def test_a_cut_stream_ends_without_a_word(faulty: Faulty) -> None:
    """The body ends properly after so many events, and the worker is free again."""
    running = faulty("- {fault: stream_cut, operation: chat, after_events: 3, count: 2}\n")
    for _ in range(2):
        events = lines(running.http.post("/v1/chat/completions", json=CHAT | {"stream": True}))
        assert len(events) == 3
        assert DONE not in events
    workers = running.http.get("/health").json()["workers"]
    assert [worker["queue_depth"] for worker in workers] == [0, 0]


def test_a_fault_with_an_instant_waits_for_the_clock(faulty: Faulty) -> None:
    """With at_s it meets no request before the first measured one has come."""
    http = faulty("- {at_s: 0, fault: refuse, operation: encode, signal: LORA_LOADING}\n").http
    assert http.post(ENCODE, json=ITEMS).status_code == 200
    http.post("/v1/chat/completions", json=CHAT, headers={"traceparent": f"00-{'ab' * 16}-{1:016x}-01"})
    assert http.post(ENCODE, json=ITEMS).status_code == 503


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{fault: refuse, operation: encode}", ":1: signal is missing"),
        (
            "{fault: refuse, operation: encode, signal: LOADING}",
            "signal is 'LOADING', not one of PROVISIONING, MODEL_LOAD",
        ),
        ("{fault: refuse, operation: encoding, signal: LORA_LOADING}", "operation is 'encoding', not one of"),
        ("{fault: refuse, operation: [chat], signal: LORA_LOADING}", "operation is ['chat'], not one of"),
        ("{fault: stream_cut, operation: encode, after_events: 1}", "not one of chat, generate"),
        ("{fault: stream_cut, operation: chat, after_event: 1}", "did you mean 'after_events'"),
        ("{fault: stream_error, operation: chat, after_events: -1}", "not a number of events >= 0"),
        ("{fault: stream_cut, operation: chat, after_events: 1, code: x}", "'code' is unknown here"),
        ("{fault: refuse, operation: chat, signal: LORA_LOADING, count: 0}", "not a number of requests >= 1"),
        ("{fault: kill}", ":1: at_s is missing"),
    ],
)
def test_mistakes_in_a_plan(tmp_path: Path, entry: str, words: str) -> None:
    """Each kind has its own keys, and each key its own values."""
    assert words in mistakes_of(tmp_path, entry)

"""Completions and responses, over real sockets."""

from typing import Any

import pytest

from tests.sim.process import Running, Start
from tests.sim.test_sim_routes import events

COMPLETIONS, RESPONSES = "/v1/completions", "/v1/responses"
ASK = {"model": "Qwen/Qwen3-0.6B", "prompt": "x" * 40}
SAY = {"model": "Qwen__Qwen3-0.6B", "input": "x" * 40, "max_output_tokens": 20}
USAGE = {"stream_options": {"include_usage": True}}


def test_a_whole_completion(either: Running) -> None:
    """Sixteen tokens unless more are asked for; one prompt in a list is one prompt."""
    reply = either.http.post(COMPLETIONS, json=ASK | {"prompt": ["x" * 40], "n": 1})
    body = reply.json()
    (choice,) = body["choices"]
    assert (body["object"], body["id"]) == ("text_completion", f"cmpl-{reply.headers['x-sie-request-id']}")
    assert choice.keys() == {"text", "index", "finish_reason"}
    assert (len(choice["text"]), choice["finish_reason"]) == (64, "length")
    assert body["usage"].items() >= {"prompt_tokens": 10, "completion_tokens": 16, "total_tokens": 26}.items()
    assert {"x-queue-wait-time", "x-sie-version"} <= set(reply.headers)


def test_a_streamed_completion(either: Running) -> None:
    """Its id begins like chat's, and no event tells usage."""
    reply = either.http.post(COMPLETIONS, json=ASK | {"stream": True, "max_tokens": 40})
    chunks = events(reply.text)
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert {chunk["id"] for chunk in chunks} == {f"chatcmpl-{reply.headers['x-sie-request-id']}"}
    assert len("".join(chunk["choices"][0]["text"] for chunk in chunks)) == 160
    finishes = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert finishes == [None] * (len(chunks) - 1) + ["length"]
    assert not any("usage" in chunk for chunk in chunks)


def test_usage_of_a_streamed_completion(gateway: Running, later: Running) -> None:
    """0.10 tells it when asked, 0.4 does not know how to be asked."""
    body = ASK | USAGE | {"stream": True}
    assert gateway.http.post(COMPLETIONS, json=body).json()["error"]["param"] == "stream_options"
    last = events(later.http.post(COMPLETIONS, json=body).text)[-1]
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 16)


@pytest.mark.parametrize(
    ("path", "change", "param", "code"),
    [
        (COMPLETIONS, {"echo": True}, "echo", "unsupported_field"),
        (COMPLETIONS, {"suffix": "x"}, "suffix", "unsupported_field"),
        (COMPLETIONS, {"logprobs": True}, "logprobs", "unsupported_field"),
        (COMPLETIONS, {"best_of": 1}, "best_of", "unsupported_field"),
        (COMPLETIONS, {"n": 2}, "n", "unsupported_field"),
        (COMPLETIONS, {"n": 0}, "n", "invalid_request"),
        (COMPLETIONS, {"prompt": ["a", "b"]}, "prompt", "unsupported_field"),
        (COMPLETIONS, {"prompt": [1]}, "prompt", "invalid_request"),
        (COMPLETIONS, {"prompt": None}, "prompt", "invalid_request"),
        (COMPLETIONS, {"max_tokens": 5000}, "max_tokens", "invalid_request"),
        (COMPLETIONS, {"model": "BAAI/bge-m3"}, "model", "invalid_request"),
        (RESPONSES, {"stream": True}, "stream", "unsupported_field"),
        (RESPONSES, {"tools": []}, "tools", "unsupported_field"),
        (RESPONSES, {"instructions": "x"}, "instructions", "unsupported_field"),
        (RESPONSES, {"input": []}, "input", "invalid_request"),
        (RESPONSES, {"input": [{"role": "nobody", "content": "x"}]}, "input", "invalid_request"),
        (RESPONSES, {"max_output_tokens": 5000}, "max_output_tokens", "invalid_request"),
    ],
)
def test_refusals(either: Running, path: str, change: dict[str, Any], param: str, code: str) -> None:
    """The field is named, also at a cold lane."""
    for headers in ({}, {"X-SIE-MACHINE-PROFILE": "h100"}):
        reply = either.http.post(path, json=(SAY if path == RESPONSES else ASK) | change, headers=headers)
        error = reply.json()["error"]
        assert (reply.status_code, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize(
    "value", ["x" * 40, [{"role": "user", "content": [{"type": "input_text", "text": "x" * 40}]}]]
)
def test_a_response(either: Running, value: object) -> None:
    """From a prompt or from messages; usage has names of its own."""
    reply = either.http.post(RESPONSES, json=SAY | {"input": value})
    body = reply.json()
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "Qwen/Qwen3-0.6B")
    assert body["id"] == f"resp-{reply.headers['x-sie-request-id']}"
    (message,) = body["output"]
    (content,) = message["content"]
    assert (message["role"], content["type"], len(content["text"])) == ("assistant", "output_text", 80)
    assert body["usage"] == {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


def test_a_cold_lane_comes_last(start: Start, later: Running) -> None:
    """202 without versions first, 503 in the OpenAI envelope later."""
    headers = {"X-SIE-MACHINE-PROFILE": "h100"}
    cold = start("--fleet", "h100=0..1")
    for path, body in ((COMPLETIONS, ASK), (RESPONSES, SAY)):
        early = cold.http.post(path, json=body, headers=headers)
        assert (early.status_code, "x-sie-version" in early.headers) == (202, False)
        late = later.http.post(path, json=body, headers=headers)
        assert (late.status_code, late.json()["error"]["code"]) == (503, "provisioning")

"""Choices, tools, grammars and the like, as the SDK's user asks for them."""

import json
from typing import Any

import pytest

from tests.sdk.clients import VERSION, Client, sie_sdk

MODEL, PLAIN, TUNED = "Qwen/Qwen3-4B", "Qwen/Qwen3-0.6B", "meta-llama/Llama-3.1-8B-Instruct"
MESSAGES = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
LATER = pytest.mark.skipif(VERSION == "0.4.1", reason="the later SDK's own")


def chat(client: Client, model: str = MODEL, **options: Any) -> dict[str, Any]:
    """The only choice of a whole reply."""
    reply = client.call("chat_completions", model, MESSAGES, max_tokens=16, **options)
    (choice,) = reply["choices"]
    result: dict[str, Any] = choice
    return result


def chat_stream(client: Client, **options: Any) -> list[dict[str, Any]]:
    """The choices of all events of a stream."""
    chunks = client.stream("stream_chat_completions", MODEL, MESSAGES, max_tokens=16, **options)
    return [choice for chunk in chunks for choice in chunk["choices"]]


def test_several_choices(client: Client) -> None:
    """Whole and streamed, each with its index and its end."""
    reply = client.call("chat_completions", MODEL, MESSAGES, max_tokens=16, n=2, best_of=3)
    assert [choice["index"] for choice in reply["choices"]] == [0, 1]
    assert reply["usage"]["completion_tokens"] == 48
    ends = [choice["index"] for choice in chat_stream(client, n=2) if choice["finish_reason"]]
    assert ends == [0, 1]


def test_log_probabilities(client: Client) -> None:
    """One entry a token."""
    entries = chat(client, logprobs=True, top_logprobs=2)["logprobs"]["content"]
    assert (len(entries), len(entries[0]["top_logprobs"])) == (16, 2)


def test_a_tool_is_called(client: Client) -> None:
    """Whole in one message, streamed in pieces that make the same call."""
    (call,) = chat(client, tools=TOOLS, tool_choice="required")["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "word"}
    choices = chat_stream(client, tools=TOOLS)
    pieces = [choice["delta"]["tool_calls"][0] for choice in choices if "tool_calls" in choice["delta"]]
    assert (pieces[0]["id"], pieces[0]["function"]["name"]) == (call["id"], "weather")
    arguments = "".join(piece["function"]["arguments"] for piece in pieces)
    assert arguments == call["function"]["arguments"]
    assert choices[-1]["finish_reason"] == "tool_calls"


def test_json_as_asked_for(client: Client) -> None:
    """An object of any kind, or one that fits a schema."""
    for form in (
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    ):
        choice = chat(client, response_format=form)
        assert isinstance(json.loads(choice["message"]["content"]), dict)
        assert choice["finish_reason"] == "stop"


def test_what_a_model_cannot_do_is_a_request_error(client: Client) -> None:
    """The gateway's reason reaches the user."""
    with pytest.raises(sie_sdk.RequestError, match="tools"):
        chat(client, PLAIN, tools=TOOLS)
    with pytest.raises(sie_sdk.RequestError, match="poetry"):
        chat(client, TUNED, lora_adapter="poetry")
    assert chat(client, TUNED, lora_adapter="sql")["finish_reason"] == "length"


def test_generate_takes_what_its_signature_lacks(client: Client) -> None:
    """Extra fields of a stream reach the gateway, also a grammar."""
    extra = {"grammar": {"json_schema": SCHEMA}, "logprobs": True}
    chunks = client.stream("stream_generate", MODEL, "hi", max_new_tokens=16, extra_body=extra)
    assert json.loads("".join(chunk["text_delta"] for chunk in chunks)) == {"city": "word"}
    assert chunks[-1]["finish_reason"] == "stop"
    assert any("logprobs" in chunk for chunk in chunks) == (VERSION != "0.4.1")


@LATER
def test_the_later_generate_has_more_arguments(client: Client) -> None:
    """Grammar, sampling, keys and an adapter."""
    options = {"seed": 1, "routing_key": "a", "prompt_cache_key": "b", "stop": ["zebra"]}
    made = client.call("generate", MODEL, "hi", max_new_tokens=16, grammar={"json_schema": SCHEMA}, **options)
    assert (json.loads(made["text"]), made["finish_reason"]) == ({"city": "word"}, "stop")
    tuned = client.call("generate", TUNED, "hi", max_new_tokens=16, lora_adapter="sql", logit_bias={"1": 2.0})
    assert tuned["usage"]["completion_tokens"] == 16


@LATER
def test_reasoning_comes_apart(client: Client) -> None:
    """Beside the answer, whole and streamed."""
    message = chat(client, include_reasoning=True)["message"]
    assert (len(message["reasoning_content"]), len(message["content"])) == (32, 32)
    deltas = [choice["delta"] for choice in chat_stream(client, include_reasoning=True)]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) != ""


@LATER
def test_responses(client: Client) -> None:
    """A prompt or messages in, one message out."""
    for asked in ("hello", MESSAGES):
        reply = client.call("responses", PLAIN, asked, max_output_tokens=8)
        assert (reply["status"], reply["usage"]["output_tokens"]) == ("completed", 8)
        assert len(reply["output"][0]["content"][0]["text"]) == 32

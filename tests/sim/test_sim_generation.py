"""Choices, log probabilities, tools, grammars, adapters and reasoning, over real sockets."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tests.sim.process import Running
from tests.sim.test_sim_routes import events

CHAT = "/v1/chat/completions"
GENERATE = "/v1/generate/Qwen__Qwen3-4B"
ABLE, PLAIN, TUNED = "Qwen/Qwen3-4B", "Qwen/Qwen3-0.6B", "meta-llama/Llama-3.1-8B-Instruct"
ASK: dict[str, Any] = {"model": ABLE, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
PROMPT = {"prompt": "hello", "max_new_tokens": 20}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
CLOCK = {"type": "function", "function": {"name": "clock"}}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def whole(running: Running, body: dict[str, Any], path: str = CHAT) -> dict[str, Any]:
    """The body of a reply that succeeded."""
    reply = running.http.post(path, json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def streamed(running: Running, body: dict[str, Any], path: str = CHAT) -> list[dict[str, Any]]:
    """The events of a stream."""
    return events(
        running.http.post(path, json=body | USAGE if path == CHAT else body | {"stream": True}).text
    )


def by_choice(chunks: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """The events of each choice."""
    sorted_out = defaultdict(list)
    for chunk in chunks:
        for choice in chunk["choices"]:
            sorted_out[choice["index"]].append(choice)
    return sorted_out


def text_of(choices: list[dict[str, Any]], key: str = "content") -> str:
    """What the deltas of a choice add up to."""
    return "".join(choice["delta"].get(key, "") for choice in choices)


def test_whole_choices_differ_and_are_all_in_usage(either: Running) -> None:
    """Each has its index and its length; the prompt counts once, best_of counts what was thrown away."""
    answer = whole(either, ASK | {"n": 3, "best_of": 5})
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in answer["choices"]}) == 3
    assert answer["usage"]["completion_tokens"] == 100
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"length"}


def test_streamed_choices_take_turns(either: Running) -> None:
    """Role and finish reason come once for each, and usage once for all."""
    chunks = streamed(either, ASK | {"n": 2})
    choices = by_choice(chunks)
    assert set(choices) == {0, 1}
    for choice in choices.values():
        assert [("role" in part["delta"]) for part in choice] == [True] + [False] * (len(choice) - 1)
        assert [part["finish_reason"] for part in choice] == [None] * (len(choice) - 1) + ["length"]
        assert len(text_of(choice)) == 80
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["completion_tokens"]) == ([], 40)


def test_choices_of_generate_at_0_4(gateway: Running) -> None:
    """The whole reply has only the first; the stream mixes them and withholds its terminal event."""
    answer = whole(gateway, PROMPT | {"n": 2}, GENERATE)
    assert (len(answer["text"]), answer["usage"]["completion_tokens"]) == (80, 40)
    chunks = streamed(gateway, PROMPT | {"n": 2}, GENERATE)
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))
    assert len("".join(chunk["text_delta"] for chunk in chunks)) == 160
    assert not any(chunk["done"] for chunk in chunks)
    assert [chunk["finish_reason"] for chunk in chunks[-2:]] == ["length"] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_cover_the_text(either: Running, stream: bool) -> None:
    """A token's own entry leads its alternatives, which get less likely."""
    body = ASK | {"logprobs": True, "top_logprobs": 3}
    if stream:
        (choice,) = by_choice(streamed(either, body)).values()
        entries = [entry for part in choice if part["logprobs"] for entry in part["logprobs"]["content"]]
        content = text_of(choice)
    else:
        (answer,) = whole(either, body)["choices"]
        entries, content = answer["logprobs"]["content"], answer["message"]["content"]
    assert "".join(entry["token"] for entry in entries) == content
    for entry in entries:
        top = [alternative["logprob"] for alternative in entry["top_logprobs"]]
        assert top == sorted(top, reverse=True)
        assert len(set(top)) == 3
        assert entry["logprob"] == top[0] < 0
        assert bytes(entry["bytes"]).decode() == entry["token"]


def test_log_probabilities_of_generate(gateway: Running, later: Running) -> None:
    """The whole reply has none; the stream of 0.10 has them beside the text, that of 0.4 not."""
    body = PROMPT | {"logprobs": True}
    for running, told in ((gateway, False), (later, True)):
        assert "logprobs" not in whole(running, body, GENERATE)
        chunks = streamed(running, body, GENERATE)
        assert {"logprobs" in chunk for chunk in chunks if chunk["text_delta"]} == {told}
        assert chunks[-1]["done"] is True


def test_a_tool_is_called_whole(either: Running) -> None:
    """The arguments are JSON that fits the tool's schema, in place of any content."""
    (choice,) = whole(either, ASK | {"tools": [WEATHER, CLOCK]})["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "word", "days": [0]}


def test_a_tool_is_called_in_pieces(either: Running) -> None:
    """Id and name come first and alone, then arguments; both ways of asking give the same call."""
    chunks = streamed(either, ASK | {"tools": [WEATHER]})
    (choice,) = by_choice(chunks).values()
    calls = [part["delta"]["tool_calls"][0] for part in choice if "tool_calls" in part["delta"]]
    assert choice[0]["delta"]["role"] == "assistant"
    assert calls[0]["function"] == {"name": "weather", "arguments": ""}
    assert all(call.keys() == {"index", "type", "function"} for call in calls[1:])
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(arguments) == {"city": "word", "days": [0]}
    assert (choice[-1]["delta"], choice[-1]["finish_reason"]) == ({}, "tool_calls")
    (same,) = whole(either, ASK | {"tools": [WEATHER]})["choices"]
    assert same["message"]["tool_calls"][0]["id"] == calls[0]["id"]
    assert chunks[-1]["usage"]["completion_tokens"] == -(-len(arguments) // 4)


@pytest.mark.parametrize(
    ("change", "finish"),
    [
        ({"tool_choice": "none"}, "length"),
        ({"tool_choice": "auto"}, "tool_calls"),
        ({"tool_choice": "required"}, "tool_calls"),
        ({"tool_choice": CLOCK}, "tool_calls"),
        ({"messages": [*ASK["messages"], {"role": "tool", "tool_call_id": "x", "content": "4"}]}, "length"),
        ({"max_tokens": 2}, "length"),
    ],
)
def test_when_a_tool_is_called(either: Running, change: dict[str, Any], finish: str) -> None:
    """As the choice says, not again once its result is there, and not whole without room for it."""
    (choice,) = whole(either, ASK | {"tools": [WEATHER, CLOCK]} | change)["choices"]
    assert choice["finish_reason"] == finish
    if change.get("tool_choice") == CLOCK:
        assert choice["message"]["tool_calls"][0]["function"] == {"name": "clock", "arguments": "{}"}


@pytest.mark.parametrize("stream", [False, True])
def test_json_comes_where_json_is_asked_for(either: Running, stream: bool) -> None:
    """Any object fills the tokens; one with a schema fits it and stops when it is whole."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    for form, tokens in (({"type": "json_object"}, 20), (schema, 8)):
        body = ASK | {"response_format": form}
        if stream:
            chunks = streamed(either, body)
            (choice,) = by_choice(chunks).values()
            text, finish, usage = text_of(choice), choice[-1]["finish_reason"], chunks[-1]["usage"]
        else:
            answer = whole(either, body)
            text, finish = answer["choices"][0]["message"]["content"], answer["choices"][0]["finish_reason"]
            usage = answer["usage"]
        assert isinstance(json.loads(text), dict)
        assert (finish, usage["completion_tokens"]) == ("stop", tokens)


def test_an_object_has_room_in_one_token(either: Running) -> None:
    """However few tokens there are."""
    for tokens in (1, 2, 3, 4):
        body = ASK | {"response_format": {"type": "json_object"}, "max_tokens": tokens}
        assert isinstance(json.loads(whole(either, body)["choices"][0]["message"]["content"]), dict)


def test_a_grammar_of_generate(either: Running) -> None:
    """The same schema under another name, beside a label."""
    body = PROMPT | {"grammar": {"json_schema": SCHEMA, "label": "x", "strict": True}}
    answer = whole(either, body, GENERATE)
    assert json.loads(answer["text"]) == {"city": "word", "days": [0]}
    assert answer["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"model": PLAIN, "tools": [WEATHER]}, "tools", "unsupported_field"),
        ({"tools": []}, "tools", "invalid_request"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools", "invalid_request"),
        ({"tool_choice": "auto"}, "tool_choice", "invalid_request"),
        ({"tools": [CLOCK], "tool_choice": "maybe"}, "tool_choice", "invalid_request"),
        ({"tools": [CLOCK], "tool_choice": WEATHER}, "tool_choice", "invalid_request"),
        (
            {"tools": [CLOCK], "tool_choice": "required", "response_format": {"type": "json_object"}},
            "tool_choice",
            "invalid_request",
        ),
        (
            {"model": TUNED, "response_format": {"type": "json_object"}},
            "grammar.json_schema",
            "unsupported_field",
        ),
        ({"response_format": {"type": "xml"}}, "response_format", "invalid_request"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "invalid_request"),
        ({"lora_adapter": "sql"}, "lora_adapter", "unknown_lora_adapter"),
        ({"model": TUNED, "lora_adapter": "poetry"}, "lora_adapter", "unknown_lora_adapter"),
        ({"top_logprobs": 3}, "top_logprobs", "invalid_request"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_request"),
        ({"n": 0}, "n", "invalid_request"),
        ({"n": 129}, "n", "invalid_request"),
        ({"n": 3, "best_of": 2}, "best_of", "invalid_request"),
        ({"best_of": 2, "stream": True}, "best_of", "unsupported_field"),
        ({"logit_bias": {"the": 1}}, "logit_bias", "invalid_request"),
    ],
)
def test_what_chat_refuses(either: Running, change: dict[str, Any], param: str, code: str) -> None:
    """The field is named, and a lane that is cold does not matter yet."""
    for headers in ({}, {"X-SIE-MACHINE-PROFILE": "h100"}):
        reply = either.http.post(CHAT, json=ASK | change, headers=headers)
        error = reply.json()["error"]
        assert (reply.status_code, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize(
    ("grammar", "param", "code"),
    [
        ({"regex": "a+"}, "grammar.regex", "unsupported_field"),
        ({"ebnf": "root ::= 'a'"}, "grammar.ebnf", "unsupported_field"),
        ({"json_schema": {}, "regex": "a+"}, "grammar", "invalid_request"),
        ({"label": "x"}, "grammar", "invalid_request"),
        ({"json_schema": "a"}, "grammar", "invalid_request"),
        ({"json_schema": {}, "depth": 1}, "grammar", "invalid_request"),
    ],
)
def test_grammars_that_generate_refuses(
    either: Running, grammar: dict[str, Any], param: str, code: str
) -> None:
    """Kinds that the model lacks, and what is no grammar."""
    error = either.http.post(GENERATE, json=PROMPT | {"grammar": grammar}).json()["error"]
    assert (error["param"], error["code"]) == (param, code)


def test_fields_that_change_nothing(either: Running) -> None:
    """An adapter of the model, keys and hints are accepted; the text is as long as was asked for."""
    hints = {"stop": ["zebra"], "routing_key": "a", "prompt_cache_key": "b", "safety_identifier": "c"}
    more = {"seed": 1, "logit_bias": {"12": -100}, "top_logprobs": 0}
    answer = whole(either, ASK | hints | more | {"model": TUNED, "lora_adapter": "sql", "user": "u"})
    assert answer["usage"]["completion_tokens"] == 20
    assert whole(either, PROMPT | hints | more, GENERATE)["usage"]["completion_tokens"] == 20


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_comes_apart_in_0_10(later: Running, stream: bool) -> None:
    """Half of the tokens, and only where the client wants to see them from a model that reasons."""
    body = ASK | {"include_reasoning": True, "logprobs": True}
    if stream:
        (choice,) = by_choice(streamed(later, body)).values()
        reasoning, content = text_of(choice, "reasoning_content"), text_of(choice)
        assert all(part["logprobs"] is None for part in choice)
    else:
        (answer,) = whole(later, body)["choices"]
        reasoning, content = answer["message"]["reasoning_content"], answer["message"]["content"]
        assert answer["logprobs"] is None
    assert (len(reasoning), len(content)) == (40, 40)
    for other in ({"model": PLAIN}, {"include_reasoning": False}):
        assert "reasoning_content" not in whole(later, body | other)["choices"][0]["message"]


def test_models_advertise_what_they_can_do(either: Running) -> None:
    """The list is what the checks above go by."""
    models = {model["name"]: model for model in either.http.get("/v1/models").json()["models"]}
    assert models[ABLE]["capabilities"] == {
        "lora_adapters": [],
        "profile_lora_adapters": {},
        "grammar": ["json_schema"],
        "tools": True,
    }
    assert models[TUNED]["capabilities"]["profile_lora_adapters"] == {"default": ["sql", "support"]}
    assert models[PLAIN]["capabilities"]["tools"] is False
    assert models["urchade/gliner_multi-v2.1"]["outputs"] == ["json"]

"""The keys of each operation: what they become, and what a server would refuse."""

from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest
from ruamel.yaml import YAML

from bench.scenario import Traffic, json_schema, load
from tests.scenario.files import VALID, said, write

HEAD = """\
name: small
duration_s: 10
arrivals: {process: constant, rate_per_s: 4}
classes:
  - name: one
    model: m
    input_tokens: 64
"""
OUT = {"chat": "16", "completion": "16", "generate": "16"}

SAMPLING = """{temperature: 0, top_p: 0.9, top_k: 40, min_p: 0.1, frequency_penalty: -1, presence_penalty: 1,
      repetition_penalty: 1.1, seed: 7, stop: [x], n: 2, logprobs: true, top_logprobs: 3,
      logit_bias: {50256: -100}, min_tokens: 4, ignore_eos: true}"""


def _class(operation: str, *lines: str, rest: str = "") -> str:
    out = [f"output_tokens: {OUT[operation]}"] if operation in OUT else []
    return HEAD + "".join(f"    {line}\n" for line in [f"operation: {operation}", *out, *lines]) + rest


OPENAI = "target: {kind: openai, url: 'http://h'}\n"
TOOLS = "[{type: function, function: {name: find, parameters: {type: object}}}]"

BODIES: list[tuple[str, list[str], dict[str, Any]]] = [
    (
        "chat",
        [
            f"tools: {TOOLS}",
            "tool_choice: auto",
            "parallel_tool_calls: false",
            "prompt_cache_key: 'k{index}'",
        ],
        {
            "tools": [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}],
            "tool_choice": "auto",
            "parallel_tool_calls": False,
            "prompt_cache_key": "k{index}",
        },
    ),
    ("chat", ["response_format: {type: json_object}"], {"response_format": {"type": "json_object"}}),
    ("chat", ["sampling: {temperature: 0}", "stream_usage: false"], {"temperature": 0.0}),
    ("completion", ["sampling: {stop: [a, b]}", "stream_usage: false"], {"stop": ["a", "b"]}),
    (
        "generate",
        ["grammar: {regex: 'a+', label: x}", "lora_adapter: mine", "routing_key: fixed"],
        {"grammar": {"regex": "a+", "label": "x"}, "lora_adapter": "mine", "routing_key": "fixed"},
    ),
    ("encode", [], {"output_types": ["dense"]}),
    (
        "encode",
        ["output_types: [sparse, multivector]", "output_dtype: int8", "is_query: true", "wire: json"],
        {"output_types": ["sparse", "multivector"], "output_dtype": "int8", "is_query": True},
    ),
    ("score", ["instruction: Rank", "options: {a: [1]}"], {"instruction": "Rank", "options": {"a": [1]}}),
    (
        "extract",
        ["labels: [person]", "output_schema: {type: object, default: null}", "batch_size: 3"],
        {"labels": ["person"], "output_schema": {"type": "object", "default": None}},
    ),
    ("embed", ["encoding_format: base64", "dimensions: 64"], {"encoding_format": "base64", "dimensions": 64}),
    ("rerank", ["top_n: 3", "return_documents: true"], {"top_n": 3, "return_documents": True}),
]


@pytest.mark.parametrize(("operation", "lines", "body"), BODIES)
def test_what_a_class_says_becomes_its_requests_body(
    tmp_path: Path, operation: str, lines: list[str], body: dict[str, Any]
) -> None:
    """Under the same names, and what was left out is not there; its schema agrees."""
    text = _class(operation, *lines)
    assert load(write(tmp_path, text), ['sim.dialect="0.10"']).classes[0].body == body
    jsonschema.validate(YAML(typ="safe", pure=True).load(text), json_schema())


def test_every_operation_is_tried_here() -> None:
    """Those of the records, all of them."""
    known = {get_args(model.model_fields["operation"].annotation)[0] for model in get_args(Traffic)}
    assert known == {operation for operation, _, _ in BODIES}


def test_all_of_sampling_goes_into_the_body(tmp_path: Path) -> None:
    """Where the server takes it; token ids are texts in JSON."""
    body = load(write(tmp_path, _class("chat", f"sampling: {SAMPLING}", rest=OPENAI))).classes[0].body
    assert body == {
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "frequency_penalty": -1.0,
        "presence_penalty": 1.0,
        "repetition_penalty": 1.1,
        "seed": 7,
        "stop": ["x"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "logit_bias": {"50256": -100.0},
        "min_tokens": 4,
        "ignore_eos": True,
    }


@pytest.mark.parametrize(
    ("operation", "line", "words"),
    [
        ("chat", "sampling: {top_p: 0}", "sampling.top_p: 0 is refused"),
        ("chat", "sampling: {top_k: 0}", "sampling.top_k: 0 is refused"),
        ("chat", "sampling: {frequency_penalty: 3}", "less than or equal to 2"),
        ("chat", "sampling: {repetition_penalty: 0}", "greater than 0"),
        ("chat", "sampling: {n: 129}", "less than or equal to 128"),
        ("chat", "sampling: {top_logprobs: 3}", "top_logprobs needs logprobs: true"),
        ("chat", "sampling: {logit_bias: {cat: 1}}", "is refused: string should match pattern"),
        ("chat", "sampling: {logit_bias: {7: 101}}", "less than or equal to 100"),
        ("chat", "sampling: {topk: 5}", "did you mean 'top_k'?"),
        ("chat", "tool_choice: auto", "need tools"),
        ("chat", "tool_choice: 5", "5 is no tool_choice: say auto"),
        ("chat", "routing_key: 5", "routing_key: 5 is refused"),
        ("chat", "routing_key: 'a{idx}'", "'{idx}' means nothing here; there are {index} and {user}"),
        ("chat", "routing_key: 'a}'", "'}' means nothing here"),
        ("chat", "routing_key: 'a{user}'", "{user} in a key needs a closed_loop"),
        ("chat", "grammar: {regex: a}", "grammar: unknown key"),
        ("generate", "tools: []", "tools: unknown key"),
        ("generate", "grammar: {regex: a, ebnf: b}", "exactly one of json_schema, regex, ebnf"),
        ("encode", "output_types: []", "at least one of dense"),
        ("encode", "output_types: [dens]", "is refused: input should be 'dense', 'sparse' or 'multivector'"),
        ("encode", "wire: protobuf", "is refused: input should be 'msgpack' or 'json'"),
        ("rerank", "top_n: 11", "top_n 11 is above documents 10"),
        ("embed", "wire: json", "wire: unknown key"),
        ("encode", "extra: {items: []}", "items may not stand in extra"),
        ("chat", "extra: {stream: true, a: 1}", "stream may not stand in extra"),
        ("extract", "slo: {ttft_ms: 5}", "does not stream"),
    ],
)
def test_each_key_has_its_limits(tmp_path: Path, operation: str, line: str, words: str) -> None:
    """One fault, in words that say what to do."""
    (fault,) = said(write(tmp_path, _class(operation, line)))
    assert words in fault


OLD, NEW = "sim: {dialect: '0.4'}\n", "sim: {dialect: '0.10'}\n"
REAL = "target: {url: 'http://h'}\n"


@pytest.mark.parametrize(
    ("operation", "line", "rest", "refused"),
    [
        ("generate", "sampling: {top_k: 5}", NEW, "the gateway's generate at 0.10 refuses top_k (400)"),
        ("generate", "sampling: {n: 1}", OLD, "generate at 0.4 refuses n (400)"),
        ("generate", "sampling: {seed: 5, logit_bias: {1: 2}}", OLD, None),
        ("generate", "sampling: {top_k: 5}", REAL, "the gateway's generate refuses top_k (400)"),
        ("generate", "", OPENAI, "openai serves chat, completion, embed, rerank, not generate"),
        ("chat", "sampling: {top_k: 5, n: 2}", OLD, None),
        ("chat", "sampling: {min_tokens: 5}", OLD, "chat at 0.4 refuses min_tokens (400)"),
        ("chat", "sampling: {min_tokens: 5}", NEW, None),
        ("chat", "sampling: {min_tokens: 5}", REAL, None),
        ("chat", "sampling: {min_tokens: 5, min_p: 0.1, ignore_eos: true}", OPENAI, None),
        ("chat", "sampling: {ignore_eos: true}", REAL, "refuses ignore_eos (400): leave it out"),
        ("chat", "sampling: {min_p: 0.1}", NEW, "refuses min_p (400)"),
        ("chat", "routing_key: 'a'", OPENAI, "routing_key is a key of the SIE gateway"),
        ("chat", "lora_adapter: 'a'", OPENAI, "give the server's own key in extra"),
        ("chat", "prompt_cache_key: 'a'", OPENAI, None),
        ("completion", "sampling: {n: 1}", NEW, None),
        ("completion", "sampling: {n: 2}", NEW, "completion at 0.10 refuses n (400)"),
        ("completion", "", OLD, "completion at 0.4 refuses stream_usage (400): leave it out"),
        ("completion", "stream_usage: false", OLD, None),
        ("completion", "stream: false", OLD, None),
        ("completion", "sampling: {logprobs: true}", NEW, "refuses logprobs"),
        ("completion", "sampling: {min_p: 0.1, n: 2}", OPENAI, None),
        ("encode", "", OPENAI, "not encode"),
        ("embed", "", OPENAI, None),
        ("rerank", "", OPENAI, None),
        ("embed", "", OLD, None),
        ("rerank", "", NEW, None),
        ("extract", "", REAL, None),
    ],
)
def test_what_a_route_refuses_is_a_fault_before_the_run(
    tmp_path: Path, operation: str, line: str, rest: str, refused: str | None
) -> None:
    """By kind and, where it is known, by dialect: every request of the run would be answered 400."""
    file = write(tmp_path, _class(operation, *([line] if line else []), rest=rest))
    if refused is None:
        assert load(file).classes[0].operation == operation
    else:
        (fault,) = said(file)
        assert refused in fault
        assert "class 'one'" in fault or "openai serves" in fault


def test_users_may_have_keys_of_their_own_where_there_are_users(tmp_path: Path) -> None:
    """In a closed loop the placeholder has a meaning."""
    text = VALID.replace("arrivals: {process: constant, rate_per_s: 4}", "closed_loop: {users: 2}")
    chat = load(write(tmp_path, text), ["classes.chat.routing_key='{user}'"]).classes[0]
    assert chat.body == {"routing_key": "{user}"}

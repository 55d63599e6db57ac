"""Requests that tests send, and how they read what comes back."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.sim.faults import FaultPlanError, load_fault_plan

CHAT = {"model": "Qwen/Qwen3-0.6B", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
PROMPT = {"prompt": "hi", "max_new_tokens": 100}
ITEMS = {"items": [{"text": "one"}]}
PAIRS = {"query": {"text": "q"}, "items": [{"text": "a"}, {"text": "b"}]}
COMPLETIONS = "/v1/chat/completions"
ENCODE = "/v1/encode/BAAI/bge-m3"
SCORE = "/v1/score/BAAI/bge-reranker-v2-m3"
GENERATE = "/v1/generate/Qwen__Qwen3-0.6B"
DONE = "data: [DONE]"


def trace(index: int, attempt: int = 1) -> dict[str, str]:
    """The header that a measured request carries."""
    return {"traceparent": f"00-{'ab' * 16}-{attempt << 48 | index:016x}-01"}


def lines(reply: httpx.Response) -> list[str]:
    """The events of a stream, as they came."""
    return [line for line in reply.text.split("\n\n") if line]


def body(line: str) -> Any:
    """The JSON of one event."""
    return json.loads(line.removeprefix("data: "))


def streamed(http: httpx.Client, path: str, **options: Any) -> list[str]:
    """The events of one chat or generate stream."""
    asked = CHAT if path == COMPLETIONS else PROMPT
    return lines(http.post(path, json=asked | {"stream": True} | options))


def mistakes_of(folder: Path, entry: str) -> str:
    """What is said of a fault plan with this one entry, which must be wrong."""
    plan = folder / "plan.yaml"
    plan.write_text(f"- {entry}\n")
    with pytest.raises(FaultPlanError) as caught:
        load_fault_plan(plan)
    return str(caught.value)

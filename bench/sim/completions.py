"""The two other routes of OpenAI that generate: completions, from a bare prompt, and responses."""

import time
from typing import Any

from aiohttp import web

from bench.sim.codec import map_reply
from bench.sim.fields import check_abilities, check_fields, unsupported
from bench.sim.gateway import Exchange
from bench.sim.generation import (
    CHAT,
    check_kind,
    complete_job,
    find_warm_lane,
    send_stream,
    start_work,
)
from bench.sim.lookup import find_card
from bench.sim.messages import count_messages
from bench.sim.mishaps import planned_break, refuse_as_planned
from bench.sim.reply import JSON_TYPE
from bench.sim.scripts import CompletionScript, Words, fingerprint
from bench.sim.text import count_tokens

_COMPLETION_TOKENS = 16
_RESPONSE_TOKENS = 1024
_RESPONSE_FIELDS = frozenset(
    ["model", "input", "max_output_tokens", "temperature", "top_p", "seed", "stream"]
)


async def completions(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/completions."""
    dialect = exchange.gateway.settings.dialect
    body = exchange.read_map(CHAT, dialect.body_bytes, json_only=True)
    if isinstance(body.get("prompt"), list):
        body = body | {"prompt": _only(body["prompt"])}
    given = check_fields(body, dialect.completion_fields, ("model", "prompt"), CHAT)
    if given.get("n", 1) > 1:
        raise unsupported("n", "Field 'n' cannot be more than 1 here")
    given.setdefault("max_tokens", _COMPLETION_TOKENS)
    card = find_card(exchange.gateway.settings.catalog, given["model"], CHAT)
    check_kind(card, CHAT)
    check_abilities(card, given, CHAT, "max_tokens")
    lane = find_warm_lane(exchange, card)
    refuse_as_planned(exchange, "completion", CHAT)
    job, words = start_work(exchange, card, lane, given, count_tokens(given["prompt"]), given["max_tokens"])
    if given.get("stream"):
        include_usage = bool(given.get("stream_options", {}).get("include_usage"))
        script = CompletionScript(words, include_usage=include_usage)
        return await send_stream(exchange, card, job, script, CHAT, planned_break(exchange, "completion"))
    finished, _ = await complete_job(exchange, card, job, CHAT)
    reply = map_reply(_completion(words), JSON_TYPE, exchange.served_headers())
    return await exchange.send(reply, "end", finished.at_ns)


async def responses(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/responses: text in, text out, never streamed."""
    dialect = exchange.gateway.settings.dialect
    body = exchange.read_map(CHAT, dialect.body_bytes, json_only=True)
    given = check_fields(body, _RESPONSE_FIELDS, ("model", "input"), CHAT)
    if given.get("stream"):
        raise unsupported("stream", "Field 'stream' cannot be true here")
    prompt_tokens = _input_tokens(given["input"])
    given.setdefault("max_output_tokens", _RESPONSE_TOKENS)
    card = find_card(exchange.gateway.settings.catalog, given["model"], CHAT)
    check_kind(card, CHAT)
    check_abilities(card, given, CHAT, "max_output_tokens")
    lane = find_warm_lane(exchange, card)
    job, words = start_work(exchange, card, lane, given, prompt_tokens, given["max_output_tokens"])
    finished, _ = await complete_job(exchange, card, job, CHAT)
    reply = map_reply(_response(words), JSON_TYPE, exchange.served_headers())
    return await exchange.send(reply, "end", finished.at_ns)


def _only(prompts: list[Any]) -> Any:
    if len(prompts) != 1:
        raise unsupported("prompt", "Only one prompt at a time is supported")
    return prompts[0]


def _input_tokens(value: Any) -> int:
    if isinstance(value, str):
        return count_tokens(value)
    return count_messages(value, CHAT, "input")


def _completion(words: Words) -> dict[str, Any]:
    (draft,) = words.drafts
    return {
        "id": f"cmpl-{words.request_id}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": words.model,
        "choices": [{"text": draft.text, "index": 0, "finish_reason": draft.finish}],
        "system_fingerprint": fingerprint(words.model),
        "usage": words.usage.as_map(),
    }


def _response(words: Words) -> dict[str, Any]:
    (draft,) = words.drafts
    usage = words.usage
    content = {"type": "output_text", "text": draft.text, "annotations": list[Any]()}
    message = {
        "type": "message",
        "id": f"msg-{words.request_id}",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }
    return {
        "id": f"resp-{words.request_id}",
        "object": "response",
        "created_at": int(time.time()),
        "model": words.model,
        "status": "completed",
        "output": [message],
        "usage": {
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
    }

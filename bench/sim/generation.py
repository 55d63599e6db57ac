"""Chat completions and generate: different words around the same jobs."""

import time
import uuid
from typing import Any

from aiohttp import web

from bench.sim.codec import map_reply
from bench.sim.fields import check_abilities, check_fields, unsupported
from bench.sim.gateway import Exchange
from bench.sim.lookup import find_card, find_lane, require_warm
from bench.sim.mishaps import planned_break, refuse_as_planned
from bench.sim.model import Card, Chunk, Finished, Job, JobEvent, Lane
from bench.sim.refusals import verdict_refusal
from bench.sim.reply import JSON_TYPE, GenerateEnvelope, OpenAIEnvelope, RefusalError, openai
from bench.sim.scripts import ChatScript, GenerateScript, Usage, Words, fingerprint
from bench.sim.stream import Break, EventStream, NotTakenError, Script, stream_failure
from bench.sim.text import count_tokens, text_of
from bench.sim.waiting import complete

_CHAT = OpenAIEnvelope("X-SIE-Pool")
_GENERATE = GenerateEnvelope("pool")
_DEFAULT_OUTPUT_TOKENS = 1024
_TEMPLATE_TOKENS = 8
_ROLES = ("system", "user", "assistant", "tool", "developer")


async def chat(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/chat/completions."""
    dialect = exchange.gateway.settings.dialect
    body = exchange.read_map(_CHAT, dialect.body_bytes, json_only=True)
    given = check_fields(body, dialect.chat_fields, ("model", "messages"), _CHAT)
    prompt_tokens = sum(count_tokens(_content(message)) for message in given["messages"]) + _TEMPLATE_TOKENS
    card = find_card(given["model"], _CHAT)
    output_tokens = given.get("max_completion_tokens", given.get("max_tokens", _DEFAULT_OUTPUT_TOKENS))
    _check_card(card, output_tokens, _CHAT)
    check_abilities(given)
    lane = find_lane(exchange, card, _CHAT)
    require_warm(exchange, lane, _CHAT, native_route=False)
    refuse_as_planned(exchange, "chat", _CHAT)
    job = _job(exchange, card, lane, prompt_tokens, output_tokens)
    words = Words(exchange.request_id, card.name, Usage(prompt_tokens, output_tokens, dialect.usage_details))
    if given.get("stream"):
        include_usage = bool(given.get("stream_options", {}).get("include_usage"))
        script = ChatScript(words, include_usage=include_usage)
        return await _stream(exchange, card, job, script, _CHAT, planned_break(exchange, "chat"))
    finished, chunks = await _complete(exchange, card, job, _CHAT)
    reply = map_reply(_chat_body(words, _text(job, chunks, finished)), JSON_TYPE, exchange.served_headers())
    return await exchange.send(reply, "end", finished.at_ns)


async def generate(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/generate/{model}."""
    dialect = exchange.gateway.settings.dialect
    name = exchange.request.match_info["model"]
    if "/" in name:
        raise _GENERATE.invalid(f"Use a SIE-safe ID: '{name.replace('/', '__')}'", "model")
    card = find_card(name, _GENERATE)
    lane = find_lane(exchange, card, _GENERATE)
    require_warm(exchange, lane, _GENERATE, native_route=True)
    body = exchange.read_map(_GENERATE, dialect.generate_body_bytes)
    given = check_fields(body, dialect.generate_fields, ("prompt", "max_new_tokens"), _GENERATE)
    check_abilities(given)
    prompt_tokens, output_tokens = count_tokens(given["prompt"]), given["max_new_tokens"]
    _check_card(card, output_tokens, _GENERATE, param="max_new_tokens")
    refuse_as_planned(exchange, "generate", _GENERATE)
    job = _job(exchange, card, lane, prompt_tokens, output_tokens)
    words = Words(exchange.request_id, card.name, Usage(prompt_tokens, output_tokens, dialect.usage_details))
    if given.get("stream"):
        planned = planned_break(exchange, "generate")
        return await _stream(exchange, card, job, GenerateScript(words), _GENERATE, planned)
    finished, chunks = await _complete(exchange, card, job, _GENERATE)
    value = {
        "model": card.name,
        "text": _text(job, chunks, finished),
        "finish_reason": "length",
        "usage": words.usage.as_map(),
        "attempt_id": uuid.uuid4().hex,
        "ttft_ms": finished.ttft_ns / 1e6,
    }
    if chunks:
        value["tpot_ms"] = (finished.at_ns - chunks[0].at_ns) / 1e6 / max(output_tokens, 1)
    reply = map_reply(value, exchange.headers.get("Accept", ""), exchange.served_headers())
    return await exchange.send(reply, "end", finished.at_ns)


def _chat_body(words: Words, text: str) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "length",
        "logprobs": None,
    }
    return {
        "id": f"chatcmpl-{words.request_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": words.model,
        "choices": [choice],
        "system_fingerprint": fingerprint(words.model),
        "usage": words.usage.as_map(),
    }


def _content(message: object) -> str:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise _CHAT.invalid(f"A message is a map with a role of {', '.join(_ROLES)}", "messages")
    if message["role"] == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise _CHAT.invalid("A tool message needs 'tool_call_id'", "messages")
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _CHAT.invalid("A message's content is a string or a list of parts", "messages")
    return "".join(map(_part, content))


def _part(part: object) -> str:
    if not isinstance(part, dict) or part.get("type") not in ("text", "input_text"):
        raise unsupported("messages", "Only text parts are supported")
    text = part.get("text")
    if not isinstance(text, str):
        raise _CHAT.invalid("A text part needs 'text'", "messages")
    return text


def _check_card(card: Card, output_tokens: int, envelope: OpenAIEnvelope, param: str = "max_tokens") -> None:
    if card.kind != "generate":
        raise envelope.invalid(f"Model '{card.name}' does not generate text", "model")
    if output_tokens > card.max_output_tokens:
        message = (
            f"{output_tokens} tokens are more than the {card.max_output_tokens} that '{card.name}' may write"
        )
        raise envelope.invalid(message, param)


def _job(exchange: Exchange, card: Card, lane: Lane, prompt_tokens: int, output_tokens: int) -> Job:
    return Job(exchange.gateway.driver.new_id(), card.name, lane, prompt_tokens, output_tokens)


async def _stream(
    exchange: Exchange,
    card: Card,
    job: Job,
    script: Script,
    envelope: OpenAIEnvelope,
    planned: Break | None,
) -> web.StreamResponse:
    stream = EventStream(exchange, script, job, planned)
    message = _too_long(card, job)
    if message:
        failure = stream_failure(exchange, "context_exceeded", "context_length_exceeded", message)
        return await stream.fail(failure)
    try:
        return await stream.run()
    except NotTakenError as exc:
        raise verdict_refusal(exchange, exc.verdict, job.lane, envelope) from exc


async def _complete(
    exchange: Exchange, card: Card, job: Job, envelope: OpenAIEnvelope
) -> tuple[Finished, list[Chunk]]:
    message = _too_long(card, job)
    if message:
        raise _context_exceeded(message)
    events = await complete(exchange, job, envelope)
    chunks = [event for event in events if isinstance(event, Chunk)]
    finished = [event for event in events if isinstance(event, Finished)]
    return finished[0], chunks


def _too_long(card: Card, job: Job) -> str | None:
    total = job.prompt_tokens + job.max_new_tokens
    if total <= card.context_tokens:
        return None
    return (
        f"prompt_tokens ({job.prompt_tokens}) + max_new_tokens ({job.max_new_tokens}) = {total} "
        f"exceeds context_length ({card.context_tokens}) for model '{card.name}'"
    )


def _context_exceeded(message: str) -> RefusalError:
    return openai(400, "context_length_exceeded", "context_exceeded", message)


def _text(job: Job, chunks: list[Chunk], finished: Finished) -> str:
    events: list[JobEvent] = [*chunks, finished]
    tokens = sum(event.tokens for event in events if isinstance(event, Chunk | Finished))
    return text_of(job.id * 37, tokens)

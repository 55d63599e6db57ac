"""Chat completions and generate: different words around the same jobs."""

import time
import uuid
from dataclasses import replace
from typing import Any

from aiohttp import web

from bench.sim.codec import map_reply
from bench.sim.drafts import Draft, draft_choices
from bench.sim.fields import check_abilities, check_fields
from bench.sim.gateway import Exchange
from bench.sim.lookup import find_card, find_lane, require_warm
from bench.sim.messages import count_messages
from bench.sim.mishaps import planned_break, refuse_as_planned
from bench.sim.model import TEMPLATE_TOKENS, Card, Chunk, Finished, Job, Lane
from bench.sim.prefixes import prefix_of
from bench.sim.refusals import verdict_refusal
from bench.sim.reply import JSON_TYPE, GenerateEnvelope, OpenAIEnvelope, RefusalError, openai
from bench.sim.scripts import ChatScript, GenerateScript, Usage, Words, fingerprint
from bench.sim.stream import Break, EventStream, NotTakenError, Script, stream_failure
from bench.sim.text import count_tokens
from bench.sim.waiting import complete

CHAT = OpenAIEnvelope("X-SIE-Pool")
_GENERATE = GenerateEnvelope("pool")
_DEFAULT_OUTPUT_TOKENS = 1024


async def chat(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/chat/completions."""
    dialect = exchange.gateway.settings.dialect
    body = exchange.read_map(CHAT, dialect.body_bytes, json_only=True)
    given = check_fields(body, dialect.chat_fields, ("model", "messages"), CHAT)
    prompt_tokens = count_messages(given["messages"], CHAT, "messages") + TEMPLATE_TOKENS
    card = find_card(exchange.gateway.settings.catalog, given["model"], CHAT)
    check_kind(card, CHAT)
    output_tokens = given.get("max_completion_tokens", given.get("max_tokens", _DEFAULT_OUTPUT_TOKENS))
    check_abilities(card, {**given, "max_completion_tokens": output_tokens}, CHAT, "max_completion_tokens")
    lane = find_warm_lane(exchange, card)
    refuse_as_planned(exchange, "chat", CHAT)
    job, words = start_work(exchange, card, lane, given, prompt_tokens, output_tokens)
    if given.get("stream"):
        include_usage = bool(given.get("stream_options", {}).get("include_usage"))
        script = ChatScript(words, include_usage=include_usage)
        return await send_stream(exchange, card, job, script, CHAT, planned_break(exchange, "chat"))
    finished, _ = await complete_job(exchange, card, job, CHAT)
    reply = map_reply(_chat_body(words), JSON_TYPE, exchange.served_headers())
    return await exchange.send(reply, "end", finished.at_ns)


async def generate(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/generate/{model}."""
    dialect = exchange.gateway.settings.dialect
    name = exchange.request.match_info["model"]
    if "/" in name:
        raise _GENERATE.invalid(f"Use a SIE-safe ID: '{name.replace('/', '__')}'", "model")
    card = find_card(exchange.gateway.settings.catalog, name, _GENERATE)
    lane = find_lane(exchange, card, _GENERATE)
    require_warm(exchange, lane, _GENERATE, native_route=True)
    body = exchange.read_map(_GENERATE, dialect.generate_body_bytes)
    given = check_fields(body, dialect.generate_fields, ("prompt", "max_new_tokens"), _GENERATE)
    check_kind(card, _GENERATE)
    check_abilities(card, given, _GENERATE, "max_new_tokens")
    prompt_tokens, output_tokens = count_tokens(given["prompt"]), given["max_new_tokens"]
    refuse_as_planned(exchange, "generate", _GENERATE)
    job, words = start_work(exchange, card, lane, given, prompt_tokens, output_tokens)
    if given.get("stream"):
        planned = planned_break(exchange, "generate")
        script = GenerateScript(words, tells_logprobs=dialect.generate_tells_logprobs)
        return await send_stream(exchange, card, job, script, _GENERATE, planned)
    finished, chunks = await complete_job(exchange, card, job, _GENERATE)
    first = words.drafts[0]
    value = {
        "model": card.name,
        "text": first.text,
        "finish_reason": first.finish,
        "usage": words.usage.as_map(),
        "attempt_id": uuid.uuid4().hex,
        "ttft_ms": finished.ttft_ns / 1e6,
    }
    if chunks:
        value["tpot_ms"] = (finished.at_ns - chunks[0].at_ns) / 1e6 / max(words.usage.completion_tokens, 1)
    reply = map_reply(value, exchange.headers.get("Accept", ""), exchange.served_headers())
    return await exchange.send(reply, "end", finished.at_ns)


def _chat_body(words: Words) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{words.request_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": words.model,
        "choices": [_choice(words, index, draft) for index, draft in enumerate(words.drafts)],
        "system_fingerprint": fingerprint(words.model),
        "usage": words.usage.as_map(),
    }


def _choice(words: Words, index: int, draft: Draft) -> dict[str, Any]:
    entries = words.logprobs(draft.all())
    return {
        "index": index,
        "message": {"role": "assistant", **_message(draft)},
        "finish_reason": draft.finish,
        "logprobs": entries and {"content": entries, "refusal": None},
    }


def _message(draft: Draft) -> dict[str, Any]:
    if draft.tool:
        function = {"name": draft.tool, "arguments": draft.text}
        call = {"id": draft.call_id, "type": "function", "function": function}
        return {"content": None, "tool_calls": [call]}
    piece = draft.all()
    return {"content": piece.text, **({"reasoning_content": piece.reasoning} if piece.reasoning else {})}


def find_warm_lane(exchange: Exchange, card: Card) -> Lane:
    """The lane for a model on OpenAI's routes, which look at it last."""
    lane = find_lane(exchange, card, CHAT)
    require_warm(exchange, lane, CHAT, native_route=False)
    return lane


def check_kind(card: Card, envelope: OpenAIEnvelope) -> None:
    """Refuse a model that writes no text."""
    if card.kind != "generate":
        raise envelope.invalid(f"Model '{card.name}' does not generate text", "model")


def start_work(
    exchange: Exchange,
    card: Card,
    lane: Lane,
    given: dict[str, Any],
    prompt_tokens: int,
    output_tokens: int,
) -> tuple[Job, Words]:
    """What the model has to compute, and what it will say.

    Of several choices the first is computed and the others are free, but usage counts them all.
    """
    dialect, number = exchange.gateway.settings.dialect, exchange.gateway.driver.new_id()
    drafts = draft_choices(card, given, output_tokens, number)
    written_tokens = drafts[0].tokens * max(given.get("best_of", 1), len(drafts))
    usage = Usage(prompt_tokens, written_tokens, dialect.usage_details)
    alternatives = given.get("top_logprobs", 0) if given.get("logprobs") else None
    words = Words(exchange.request_id, card.name, usage, drafts, alternatives)
    job = Job(number, card.name, lane, prompt_tokens, drafts[0].tokens)
    if exchange.gateway.settings.affinity:
        job = replace(job, routing_key=exchange.course.routing_key, prefix=prefix_of(given))
    return job, words


async def send_stream(
    exchange: Exchange,
    card: Card,
    job: Job,
    script: Script,
    envelope: OpenAIEnvelope,
    planned: Break | None,
) -> web.StreamResponse:
    """Stream the job's text; what is too long for the model is an error inside the stream."""
    stream = EventStream(exchange, script, job, planned)
    message = _too_long(card, job)
    if message:
        failure = stream_failure(exchange, "context_exceeded", "context_length_exceeded", message)
        return await stream.fail(failure)
    try:
        return await stream.run()
    except NotTakenError as exc:
        raise verdict_refusal(exchange, exc.verdict, job.lane, envelope) from exc


async def complete_job(
    exchange: Exchange, card: Card, job: Job, envelope: OpenAIEnvelope
) -> tuple[Finished, list[Chunk]]:
    """Wait for the end of the job; what is too long for the model is refused."""
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

"""Embeddings as OpenAI words them, over encode."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from bench.sim.batches import NATIVE, admit, readable_items, run_items, timing_headers
from bench.sim.gateway import Exchange
from bench.sim.mishaps import refuse_as_planned
from bench.sim.model import CHARACTERS_PER_TOKEN, Card
from bench.sim.reply import OpenAIEnvelope, RefusalError, Reply, openai, to_json
from bench.sim.vectors import dense_array, dense_json

_OPENAI = OpenAIEnvelope("X-SIE-Pool")
_FORMATS = ("float", "base64")


async def embed(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/embeddings: the body is checked first, everything else as encode does it."""
    dialect = exchange.gateway.settings.dialect
    with _openai_words(exchange):
        body = exchange.read_map(NATIVE, dialect.body_bytes, json_only=True)
    model, encoding = body.get("model"), body.get("encoding_format") or "float"
    if not isinstance(model, str) or not model:
        raise _OPENAI.invalid("Field 'model' is required", "model")
    if encoding not in _FORMATS:
        raise _OPENAI.invalid(f"'encoding_format' must be one of {', '.join(_FORMATS)}", "encoding_format")
    texts = _texts(body.get("input"), dialect.most_inputs)
    with _openai_words(exchange):
        card, lane = admit(exchange, model)
        refused = "" if "dense" in card.outputs else f"model '{card.name}' gives no dense vectors"
        items = readable_items(exchange, card, [{"text": text} for text in texts], refused)
        refuse_as_planned(exchange, "embed", NATIVE)
        done = await run_items(exchange, card, lane, [length for _, length in items])
    if len(items) != len(texts):
        message = f"encode response item count mismatch: expected {len(texts)}, got {len(items)}"
        raise openai(500, "server_error", "transport_failure", message)
    content = _body(card, model, texts, encoding)
    return await exchange.send(Reply(200, content, headers=timing_headers(exchange, done)), "end", done.at_ns)


@contextmanager
def _openai_words(exchange: Exchange) -> Iterator[None]:
    """Word what encode refuses as this route does."""
    try:
        yield
    except RefusalError as refusal:
        raise exchange.gateway.settings.dialect.embed_refusal(refusal.reply) from refusal


def _texts(value: Any, most: float) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise _OPENAI.invalid("'input' must be a string or a non-empty list of strings", "input")
    if not all(isinstance(text, str) for text in texts):
        raise _OPENAI.invalid("'input' must hold text; token ids are not supported", "input")
    if len(texts) > most:
        raise _OPENAI.invalid(f"'input' has {len(texts)} texts, more than {most:.0f}", "input")
    return texts


def _body(card: Card, model: str, texts: list[str], encoding: str) -> bytes:
    rows = ",".join(
        f'{{"object":"embedding","index":{index},"embedding":{_vector(card, index, encoding)}}}'
        for index in range(len(texts))
    )
    tokens = max(1, sum(len(text.encode()) for text in texts) // CHARACTERS_PER_TOKEN)
    tail = to_json({"model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
    return b'{"object":"list","data":[%b],%b' % (rows.encode(), tail[1:])


def _vector(card: Card, index: int, encoding: str) -> str:
    if encoding == "float":
        return dense_json(card.dense_units, index)
    return f'"{base64.b64encode(dense_array(card.dense_units, index).tobytes()).decode()}"'

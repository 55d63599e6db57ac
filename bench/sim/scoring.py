"""Score, and rerank, which is Cohere's wording of the same work."""

from typing import Any

from aiohttp import web

from bench.sim.batches import NATIVE, admit, item_tokens, list_of_items, run_items, timing_headers
from bench.sim.codec import map_reply
from bench.sim.compat import refusal_in_plain_words
from bench.sim.gateway import Exchange
from bench.sim.mishaps import refuse_as_planned
from bench.sim.model import Card
from bench.sim.reply import JSON_TYPE, RefusalError

_FIELDS = frozenset(["model", "query", "documents", "top_n", "options"])
_V1_FIELDS = _FIELDS | {"return_documents"}
_V2_FIELDS = _FIELDS | {"max_tokens_per_doc", "priority"}
_NULL_FIELDS = ("max_tokens_per_doc", "priority")
_OPTIONS = ("profile", "max_seq_length")


async def score(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/score/{model}."""
    dialect = exchange.gateway.settings.dialect
    card, lane = admit(exchange, exchange.request.match_info["model"])
    body = exchange.read_map(NATIVE, dialect.body_bytes)
    query = body.get("query")
    if not isinstance(query, dict) or not query:
        raise NATIVE.invalid("score request missing query item")
    documents = list_of_items(body.get("items"), dialect.most_documents)
    pairs = _pairs(exchange, card, query, documents)
    refuse_as_planned(exchange, "score", NATIVE)
    done = await run_items(exchange, card, lane, pairs)
    usage = {"usage": {"input_tokens": sum(pairs)}} if dialect.contract.tells_score_usage else {}
    value = {"model": card.name, "scores": _ranked(documents), **usage}
    reply = map_reply(value, exchange.headers.get("Accept", ""), timing_headers(exchange, done))
    return await exchange.send(reply, "end", done.at_ns)


async def rerank(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/rerank and /v2/rerank; every refusal is a map with nothing but a message."""
    try:
        return await _rerank(exchange)
    except RefusalError as refusal:
        raise refusal_in_plain_words(refusal.reply) from refusal


async def _rerank(exchange: Exchange) -> web.StreamResponse:
    dialect = exchange.gateway.settings.dialect
    body = exchange.read_map(NATIVE, dialect.body_bytes, json_only=True)
    _check_rerank(body, _V2_FIELDS if exchange.request.path.startswith("/v2") else _V1_FIELDS)
    texts = list_of_items(body.get("documents"), dialect.most_documents)
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise NATIVE.invalid("'documents' must contain only non-blank strings")
    card, lane = admit(exchange, body["model"])
    pairs = _pairs(exchange, card, {"text": body["query"]}, [{"text": text} for text in texts])
    refuse_as_planned(exchange, "rerank", NATIVE)
    done = await run_items(exchange, card, lane, pairs)
    results: list[dict[str, Any]] = [
        {"index": index, "relevance_score": _score(index)}
        for index in _order(len(texts))[: body.get("top_n")]
    ]
    if body.get("return_documents"):
        results = [result | {"document": {"text": texts[result["index"]]}} for result in results]
    value = {"model": card.name, "results": results, "usage": {"input_tokens": sum(pairs)}}
    reply = map_reply(value, JSON_TYPE, timing_headers(exchange, done))
    return await exchange.send(reply, "end", done.at_ns)


def _check_rerank(body: dict[str, Any], known: frozenset[str]) -> None:
    for key, value in body.items():
        if key not in known or (key in _NULL_FIELDS and value is not None):
            raise NATIVE.invalid(f"field '{key}' is not supported")
    for key in ("model", "query"):
        if not isinstance(body.get(key), str) or not body[key].strip():
            raise NATIVE.invalid(f"'{key}' must be a non-blank string")
    top = body.get("top_n")
    if top is not None and (type(top) is not int or top <= 0):
        raise NATIVE.invalid("'top_n' must be a positive integer")
    if not isinstance(body.get("return_documents") or False, bool):
        raise NATIVE.invalid("'return_documents' must be a boolean")
    options = body.get("options") or {}
    if not isinstance(options, dict) or any(key not in _OPTIONS for key in options):
        raise NATIVE.invalid(f"'options' must be a map of {' and '.join(_OPTIONS)}")


def _pairs(exchange: Exchange, card: Card, query: object, documents: list[Any]) -> list[int]:
    """Tokens of each document together with the query."""
    query_tokens = item_tokens(query)
    lengths = [item_tokens(document) for document in documents]
    if card.kind != "score" or query_tokens is None or None in lengths:
        message = f"model '{card.name}' cannot score these items"
        raise exchange.gateway.settings.dialect.items_refused([(0, message)])
    return [min(query_tokens + (length or 0), card.context_tokens) for length in lengths]


def _ranked(documents: list[Any]) -> list[dict[str, Any]]:
    return [
        {"item_id": documents[index].get("id") or f"item-{index}", "score": _score(index), "rank": rank}
        for rank, index in enumerate(_order(len(documents)))
    ]


def _order(documents: int) -> list[int]:
    return sorted(range(documents), key=_score, reverse=True)


def _score(index: int) -> float:
    return (index * 7919 + 4001) % 9973 / 9973

"""Encode and score: whole replies over items that a worker batches."""

import json
from typing import Any

from aiohttp import web

from bench.sim.codec import MSGPACK_TYPE, map_reply, wants_msgpack
from bench.sim.dialect import Dialect
from bench.sim.gateway import Exchange
from bench.sim.lookup import find_card, find_lane, require_warm
from bench.sim.mishaps import refuse_as_planned
from bench.sim.model import Card, ItemsDone, Job, Lane
from bench.sim.reply import NativeEnvelope, Reply
from bench.sim.text import count_tokens
from bench.sim.vectors import array_map, dense_array, dense_json, sparse_arrays, token_array
from bench.sim.waiting import complete

_NATIVE = NativeEnvelope()
_SPECIAL_TOKENS = 2


async def encode(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/encode/{model}."""
    dialect = exchange.gateway.settings.dialect
    card, lane = _admit(exchange)
    body = exchange.read_map(_NATIVE, dialect.body_bytes)
    items = _items(body)
    _check_count(items, dialect.most_items)
    params = body.get("params")
    outputs = (params.get("output_types") if isinstance(params, dict) else None) or ["dense"]
    lengths = _encodable(dialect, card, items, outputs)
    refuse_as_planned(exchange, "encode", _NATIVE)
    done = await _run(exchange, card, lane, lengths)
    reply = _encode_reply(exchange, card, outputs, lengths, done)
    return await exchange.send(reply, "end", done.at_ns)


async def score(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/score/{model}."""
    dialect = exchange.gateway.settings.dialect
    card, lane = _admit(exchange)
    body = exchange.read_map(_NATIVE, dialect.body_bytes)
    query = body.get("query")
    if not isinstance(query, dict) or not query:
        raise _NATIVE.invalid("score request missing query item")
    documents = _list_of_items(body.get("items"))
    _check_count(documents, dialect.most_documents)
    query_tokens = _tokens(query)
    lengths = [_tokens(document) for document in documents]
    if card.kind != "score" or query_tokens is None or None in lengths:
        raise dialect.items_refused([(0, f"model '{card.name}' cannot score these items")])
    pairs = [min(query_tokens + (length or 0), card.context_tokens) for length in lengths]
    refuse_as_planned(exchange, "score", _NATIVE)
    done = await _run(exchange, card, lane, pairs)
    value = {"model": card.name, "scores": _ranked(documents)}
    reply = map_reply(value, exchange.headers.get("Accept", ""), _timing(exchange, done))
    return await exchange.send(reply, "end", done.at_ns)


def _admit(exchange: Exchange) -> tuple[Card, Lane]:
    card = find_card(exchange.request.match_info["model"], _NATIVE)
    lane = find_lane(exchange, card, _NATIVE)
    require_warm(exchange, lane, _NATIVE, native_route=True)
    return card, lane


def _items(body: dict[str, Any]) -> list[Any]:
    """The items in any of the spellings that encode accepts: items, input, inputs, or one bare item."""
    for key in ("items", "inputs", "input"):
        if key in body:
            value = body[key]
            if key == "input" and not isinstance(value, list):
                value = [value]
            return [{"text": item} if isinstance(item, str) else item for item in _list_of_items(value)]
    return [body] if "text" in body else _list_of_items(None)


def _list_of_items(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise _NATIVE.invalid("'items' must be an array")
    if not value:
        raise _NATIVE.invalid("'items' must not be empty")
    return value


def _check_count(items: list[Any], most: float) -> None:
    if len(items) > most:
        raise _NATIVE.invalid(f"{len(items)} items are more than {most:.0f}")


def _tokens(item: object) -> int | None:
    """Tokens of an item with text, None for any other."""
    text = item.get("text") if isinstance(item, dict) else None
    return count_tokens(text) + _SPECIAL_TOKENS if isinstance(text, str) and text else None


def _encodable(dialect: Dialect, card: Card, items: list[Any], outputs: Any) -> list[int]:
    """Lengths of the items that the worker can encode; the others vanish, as they do at 0.4.1."""
    unknown = (
        [kind for kind in outputs if kind not in card.outputs] if isinstance(outputs, list) else [outputs]
    )
    if unknown or card.kind != "encode":
        message = f"model '{card.name}' cannot give {unknown or outputs}"
        raise dialect.items_refused([(index, message) for index in range(len(items))])
    lengths = [_tokens(item) for item in items]
    good = [min(length, card.context_tokens) for length in lengths if length is not None]
    if not good:
        raise dialect.items_refused([(index, "item has no text") for index in range(len(items))])
    return good


async def _run(exchange: Exchange, card: Card, lane: Lane, lengths: list[int]) -> ItemsDone:
    driver = exchange.gateway.driver
    job = Job(driver.new_id(), card.name, lane, item_tokens=tuple(lengths))
    events = await complete(exchange, job, _NATIVE)
    return next(event for event in events if isinstance(event, ItemsDone))


def _timing(exchange: Exchange, done: ItemsDone) -> dict[str, str]:
    return exchange.served_headers() | {
        "x-queue-time": f"{done.queue_ns / 1e6:.1f}",
        "x-inference-time": f"{done.inference_ns / 1e6:.1f}",
    }


def _encode_reply(
    exchange: Exchange, card: Card, outputs: list[str], lengths: list[int], done: ItemsDone
) -> Reply:
    headers = _timing(exchange, done)
    if wants_msgpack(exchange.headers.get("Accept", "")):
        items = [_item(card, outputs, index, length) for index, length in enumerate(lengths)]
        return map_reply({"model": card.name, "items": items}, MSGPACK_TYPE, headers)
    texts = ",".join(_item_json(card, outputs, index, length) for index, length in enumerate(lengths))
    return Reply(200, f'{{"model":"{card.name}","items":[{texts}]}}'.encode(), headers=headers)


def _item(card: Card, outputs: list[str], index: int, length: int) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if "dense" in outputs:
        vector = array_map(dense_array(card.dense_units, index))
        item["dense"] = {"dims": card.dense_units, "dtype": "float32", "values": vector}
    if "sparse" in outputs:
        indices, values = sparse_arrays(length)
        item["sparse"] = {"indices": array_map(indices), "values": array_map(values)}
    if "multivector" in outputs:
        item["multivector"] = {"values": array_map(token_array(card.dense_units, length))}
    return item


def _item_json(card: Card, outputs: list[str], index: int, length: int) -> str:
    parts = []
    if "dense" in outputs:
        values = dense_json(card.dense_units, index)
        parts.append(f'"dense":{{"dims":{card.dense_units},"dtype":"float32","values":{values}}}')
    if "sparse" in outputs:
        indices, weights = (json.dumps(array.tolist()) for array in sparse_arrays(length))
        parts.append(f'"sparse":{{"indices":{indices},"values":{weights}}}')
    if "multivector" in outputs:
        rows = ",".join(dense_json(card.dense_units, row) for row in range(length))
        parts.append(f'"multivector":{{"values":[{rows}]}}')
    return "{" + ",".join(parts) + "}"


def _ranked(documents: list[Any]) -> list[dict[str, Any]]:
    order = sorted(range(len(documents)), key=_score, reverse=True)
    return [
        {"item_id": documents[index].get("id") or f"item-{index}", "score": _score(index), "rank": rank}
        for rank, index in enumerate(order)
    ]


def _score(index: int) -> float:
    return (index * 7919 + 4001) % 9973 / 9973

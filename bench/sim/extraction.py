"""Extract: entities and the like, made up from the text and the labels of a request."""

import re
from itertools import pairwise
from typing import Any
from zlib import crc32

from aiohttp import web

from bench.sim.batches import (
    NATIVE,
    admit,
    read_items,
    read_params,
    readable_items,
    run_items,
    timing_headers,
)
from bench.sim.codec import map_reply
from bench.sim.gateway import Exchange
from bench.sim.mishaps import refuse_as_planned
from bench.sim.schemas import instance_of

_WORD = re.compile(r"\w+")


async def extract(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/extract/{model}."""
    dialect = exchange.gateway.settings.dialect
    card, lane = admit(exchange, exchange.request.match_info["model"])
    body = exchange.read_map(NATIVE, dialect.extract_body_bytes)
    items = read_items(body, dialect.most_items)
    params = read_params(body)
    labels, schema = _labels(params), params.get("output_schema")
    refused = "" if card.kind == "extract" else f"model '{card.name}' extracts nothing"
    good = readable_items(exchange, card, items, refused)
    refuse_as_planned(exchange, "extract", NATIVE)
    done = await run_items(exchange, card, lane, [length for _, length in good])
    results = [_result(item["text"], labels, schema) for item, _ in good]
    if dialect.echoes_extract_ids:
        results = [_named(item, result) for (item, _), result in zip(good, results, strict=True)]
    value = {"model": card.name, "items": results}
    reply = map_reply(value, exchange.headers.get("Accept", ""), timing_headers(exchange, done))
    return await exchange.send(reply, "end", done.at_ns)


def _labels(params: dict[str, Any]) -> list[str]:
    labels = params.get("labels")
    return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []


def _named(item: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    return {"id": item["id"], **result} if isinstance(item.get("id"), str) else result


def _result(text: str, labels: list[str], schema: Any) -> dict[str, Any]:
    """One word of the text for each label, and what follows from that; the same for the same input."""
    words = list(_WORD.finditer(text))
    entities = [_entity(words, label) for label in labels] if words else []
    classes = [{"label": label, "score": _score(text, label)} for label in labels]
    return {
        "entities": entities,
        "classifications": sorted(classes, key=lambda entry: -float(entry["score"])),
        "relations": [_relation(*pair) for pair in pairwise(entities)],
        "objects": [],
        "data": instance_of(schema) if isinstance(schema, dict) else {},
    }


def _entity(words: list[re.Match[str]], label: str) -> dict[str, Any]:
    word = words[crc32(label.encode()) % len(words)]
    return {
        "text": word.group(),
        "label": label,
        "score": _score(word.group(), label),
        "start": word.start(),
        "end": word.end(),
    }


def _relation(head: dict[str, Any], tail: dict[str, Any]) -> dict[str, Any]:
    score = _score(head["text"], tail["text"])
    return {"head": head["text"], "tail": tail["text"], "relation": "related_to", "score": score}


def _score(text: str, label: str) -> float:
    return crc32(f"{text}/{label}".encode()) % 1000 / 1000

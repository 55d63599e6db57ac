"""An Ask -> path and body of its route, each field where the route reads it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote as _quote

from bench.protocol.facts import Ask

Body = dict[str, Any]

quote = lru_cache(maxsize=1024)(_quote)


def path_and_body(ask: Ask) -> tuple[str, Body]:
    """The path from `/v1` on, and the body before it is written as JSON or msgpack."""
    path, body = _BODIES[ask.operation](ask)
    return path, {name: value for name, value in body.items() if value is not None} | dict(ask.extra)


def _chat(ask: Ask) -> tuple[str, Body]:
    messages = [{"role": "user", "content": ask.texts[0]}]
    return "/v1/chat/completions", {"model": ask.model, "messages": messages, **_generation(ask)}


def _completion(ask: Ask) -> tuple[str, Body]:
    return "/v1/completions", {"model": ask.model, "prompt": ask.texts[0], **_generation(ask)}


def _generation(ask: Ask) -> Body:
    usage = {"stream_options": {"include_usage": True}} if ask.stream_usage else {}
    return {"max_tokens": ask.max_tokens, **ask.params, **({"stream": True, **usage} if ask.stream else {})}


def _generate(ask: Ask) -> tuple[str, Body]:
    body = {"prompt": ask.texts[0], "max_new_tokens": ask.max_tokens, **ask.params}
    # The path of generate takes no slash, not even an encoded one.
    path = f"/v1/generate/{quote(ask.model.replace('/', '__'))}"
    return path, body | ({"stream": True} if ask.stream else {})


def _encode(ask: Ask) -> tuple[str, Body]:
    params = {"output_types": ["dense"], **ask.params}
    # Among the options both dialects read these two; under params the older drops the one, workers the other.
    options = {name: params.pop(name) for name in ("output_dtype", "is_query") if name in params}
    if options:
        params["options"] = {**params.get("options", {}), **options}
    return f"/v1/encode/{quote(ask.model)}", {"items": _items(ask.texts), "params": params}


def _extract(ask: Ask) -> tuple[str, Body]:
    return f"/v1/extract/{quote(ask.model)}", {"items": _items(ask.texts), "params": dict(ask.params) or None}


def _score(ask: Ask) -> tuple[str, Body]:
    query, *documents = ask.texts
    return f"/v1/score/{quote(ask.model)}", {
        "query": {"text": query},
        "items": _items(documents),
        **ask.params,
    }


def _embed(ask: Ask) -> tuple[str, Body]:
    return "/v1/embeddings", {"model": ask.model, "input": list(ask.texts), **ask.params}


def _rerank(ask: Ask) -> tuple[str, Body]:
    query, *documents = ask.texts
    return "/v1/rerank", {"model": ask.model, "query": query, "documents": documents, **ask.params}


def _items(texts: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    return [{"text": text} for text in texts]


_BODIES: Mapping[str, Callable[[Ask], tuple[str, Body]]] = {
    "chat": _chat,
    "completion": _completion,
    "generate": _generate,
    "encode": _encode,
    "score": _score,
    "extract": _extract,
    "embed": _embed,
    "rerank": _rerank,
}

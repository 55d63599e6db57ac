"""Encode: vectors for items that a worker batches."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bench.sim.batches import (
    NATIVE,
    admit,
    read_items,
    read_options,
    read_params,
    readable_items,
    run_items,
    timing_headers,
)
from bench.sim.codec import MSGPACK_TYPE, map_reply, wants_msgpack
from bench.sim.dialect import Dialect
from bench.sim.gateway import Exchange
from bench.sim.mishaps import refuse_as_planned
from bench.sim.model import Card
from bench.sim.reply import Reply
from bench.sim.vectors import DTYPES, array_map, dense_array, dense_json, sparse_arrays, token_array


async def encode(exchange: Exchange) -> web.StreamResponse:
    """POST /v1/encode/{model}."""
    dialect = exchange.gateway.settings.dialect
    card, lane = admit(exchange, exchange.request.match_info["model"])
    body = exchange.read_map(NATIVE, dialect.body_bytes)
    items = read_items(body, dialect.most_items)
    params = read_params(body)
    form = _Form(card, dialect, params.get("output_types") or ["dense"], _dtype(dialect, params))
    lengths = [length for _, length in readable_items(exchange, card, items, form.refused)]
    refuse_as_planned(exchange, "encode", NATIVE)
    done = await run_items(exchange, card, lane, lengths)
    reply = _reply(exchange, form, lengths, timing_headers(exchange, done))
    return await exchange.send(reply, "end", done.at_ns)


def _dtype(dialect: Dialect, params: dict[str, Any]) -> str:
    """The element type; `params.output_dtype` counts only where the gateway forwards it."""
    forwarded = params.get("output_dtype") if dialect.forwards_dtype else None
    return forwarded or read_options(params).get("output_dtype") or "float32"


@dataclass(frozen=True, slots=True)
class _Form:
    """What the vectors of one reply are like."""

    card: Card
    dialect: Dialect
    outputs: Any
    dtype: Any

    @property
    def refused(self) -> str:
        """Why the worker cannot give such vectors, or ""."""
        outputs = self.outputs if isinstance(self.outputs, list) else [self.outputs]
        unknown = [kind for kind in outputs if kind not in self.card.outputs]
        if self.card.kind != "encode" or unknown:
            return f"model '{self.card.name}' cannot give {unknown or outputs}"
        return "" if self.dtype in DTYPES else f"unsupported output_dtype: {self.dtype}"

    @property
    def named_dtype(self) -> str:
        """The type as the reply calls it."""
        return self.dialect.dtype_names.get(self.dtype, str(self.dtype))

    def later(self, **values: object) -> dict[str, object]:
        """Keys beside the numbers that not every dialect has."""
        return values if self.dialect.tells_shapes else {}

    def sparse_keys(self) -> dict[str, object]:
        """What a sparse vector says of itself."""
        kind = "float16" if self.dtype == "float16" else "float32"
        return self.later(dims=self.card.vocabulary, dtype=kind)

    def token_keys(self, tokens: int) -> dict[str, object]:
        """What a matrix of token vectors says of itself."""
        return self.later(token_dims=self.card.dense_units, num_tokens=tokens, dtype=self.named_dtype)


def _reply(exchange: Exchange, form: _Form, lengths: list[int], headers: dict[str, str]) -> Reply:
    if wants_msgpack(exchange.headers.get("Accept", "")):
        items = [_item(form, index, length) for index, length in enumerate(lengths)]
        return map_reply({"model": form.card.name, "items": items}, MSGPACK_TYPE, headers)
    texts = ",".join(_item_json(form, index, length) for index, length in enumerate(lengths))
    return Reply(200, f'{{"model":"{form.card.name}","items":[{texts}]}}'.encode(), headers=headers)


def _item(form: _Form, index: int, length: int) -> dict[str, Any]:
    units, item = form.card.dense_units, dict[str, Any]()
    if "dense" in form.outputs:
        values = array_map(dense_array(units, index, form.dtype))
        item["dense"] = {"dims": units, "dtype": form.named_dtype, "values": values}
    if "sparse" in form.outputs:
        indices, weights = map(array_map, sparse_arrays(length, form.dtype))
        item["sparse"] = {**form.sparse_keys(), "indices": indices, "values": weights}
    if "multivector" in form.outputs:
        matrix = array_map(token_array(units, length, form.dtype))
        item["multivector"] = {**form.token_keys(length), "values": matrix}
    return item


def _item_json(form: _Form, index: int, length: int) -> str:
    units, parts = form.card.dense_units, list[str]()
    if "dense" in form.outputs:
        values = dense_json(units, index, form.dtype)
        parts.append(f'"dense":{{"dims":{units},"dtype":"{form.named_dtype}","values":{values}}}')
    if "sparse" in form.outputs:
        indices, weights = (array.tolist() for array in sparse_arrays(length, form.dtype))
        sparse = json.dumps({**form.sparse_keys(), "indices": indices, "values": weights})
        parts.append(f'"sparse":{sparse}')
    if "multivector" in form.outputs:
        rows = ",".join(dense_json(units, row, form.dtype) for row in range(length))
        told = "".join(f'"{key}":{json.dumps(value)},' for key, value in form.token_keys(length).items())
        parts.append(f'"multivector":{{{told}"values":[{rows}]}}')
    return "{" + ",".join(parts) + "}"

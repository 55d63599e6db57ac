"""Whole bodies -> Facts: a result of any operation, or an error."""

import json
from typing import Any

import msgpack

from bench.protocol.envelopes import problem_instead
from bench.protocol.errors import judge_in_result, note, read_error
from bench.protocol.facts import Ask, Facts, Kind
from bench.protocol.framing import Headers
from bench.protocol.outlines import outline
from bench.protocol.results import RESULTS
from bench.protocol.tokens import estimate, read_usage
from bench.protocol.values import MALFORMED, header_count, header_number


def read_whole(facts: Facts, ask: Ask, kind: Kind, headers: Headers, body: bytes) -> None:
    """Settle a reply that means something only when it is complete: a result, or an error.

    It is read by its own content type, whatever was asked for.
    """
    if facts.status != 200:
        read_error(facts, headers, body)
        return
    out_chars, packed = 0, "msgpack" in headers.get("content-type", "")
    try:
        tree: Any = outline(ask, body, packed=packed)
        if tree is not None:
            facts.items_returned = len(tree.entries)
            if tree.usage:
                read_usage(facts, ask, kind, tree)
        else:
            tree = msgpack.unpackb(body) if packed else json.loads(body)
            result = RESULTS[ask.operation]
            if problem := problem_instead(tree, result.key):
                note(facts, problem)
                facts.settle(*judge_in_result(problem.code))
                return
            out_chars = result.read(facts, ask, tree)
            read_usage(facts, ask, kind, tree)
        _read_headers(facts, headers)
        if facts.out_tokens is None and kind == "sie" and ask.owes_usage:
            facts.settle("degraded", "missing_usage")
        facts.settle("ok")
        if ask.chars_per_token is not None:
            estimate(facts, ask, out_chars)
    except MALFORMED as error:
        facts.error_message = f"{type(error).__name__}: {error}"
        facts.settle("failed", "malformed")


def _read_headers(facts: Facts, headers: Headers) -> None:
    """What the gateway says of items: in their bodies it counts nothing."""
    names = headers.names
    if "x-queue-time" in names:
        facts.server_queue_ms = header_number(headers, "x-queue-time")
    if "x-inference-time" in names:
        facts.server_inference_ms = header_number(headers, "x-inference-time")
    if "x-sie-units-input-tokens" in names and facts.tokens_source is None:
        units = header_count(headers, "x-sie-units-input-tokens")
        if units is not None:
            facts.in_tokens, facts.tokens_source = units, "usage"

"""What a fault plan does to the bytes of a reply."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgpack

from bench.sim.faults import Fault
from bench.sim.reply import Reply, to_json

GARBAGE = b'{"model": \xc1\xff broken'
"""Neither JSON nor msgpack, nor UTF-8."""
GARBAGE_EVENT = b"data: " + GARBAGE + b"\n\n"

_LISTS = ("items", "scores", "data", "results")
_EVENT = b"data: "


def damaged(reply: Reply, faults: Mapping[str, Fault]) -> Reply:
    """The reply as planned; refusals keep their bodies unless they are to be garbage."""
    if "garbage" in faults:
        return replace(reply, body=GARBAGE)
    if reply.status != 200 or not faults.keys() & {"short_items", "no_usage", "wrong_usage"}:
        return reply
    read, write = _codec(reply.content_type)
    value = read(reply.body)
    _spoil_usage(value, faults)
    if "short_items" in faults:
        _shorten(value, faults["short_items"].missing)
    return replace(reply, body=write(value))


def damaged_ending(events: list[bytes], faults: Mapping[str, Fault]) -> list[bytes]:
    """The last events of a stream, with usage as planned; an event that told nothing else is left out."""
    if not faults.keys() & {"no_usage", "wrong_usage"}:
        return events
    values = [json.loads(event.removeprefix(_EVENT)) for event in events]
    for value in values:
        _spoil_usage(value, faults)
    kept = [value for value in values if value.get("choices") != [] or "usage" in value]
    return [_EVENT + to_json(value) + b"\n\n" for value in kept]


def _spoil_usage(value: dict[str, Any], faults: Mapping[str, Fault]) -> None:
    usage = value.get("usage")
    if "no_usage" in faults:
        value.pop("usage", None)
    elif "wrong_usage" in faults and isinstance(usage, dict):
        value["usage"] = {key: _wrong(count) for key, count in usage.items()}


def _wrong(count: object) -> object:
    """Seven times the truth and one more, which no rounding explains."""
    return count * 7 + 1 if isinstance(count, int) else count


def _shorten(value: dict[str, Any], missing: int) -> None:
    for key in _LISTS:
        if isinstance(value.get(key), list):
            value[key] = value[key][:-missing]


def _codec(content_type: str) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    if "msgpack" in content_type:
        return msgpack.unpackb, msgpack.packb
    return json.loads, to_json

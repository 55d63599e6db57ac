"""Request and reply bodies: JSON or msgpack in, JSON or msgpack out."""

import json
from collections.abc import Mapping
from typing import Any

import msgpack

from bench.sim.reply import JSON_TYPE, Envelope, Reply, to_json

MSGPACK_TYPE = "application/x-msgpack"
_MSGPACK_ACCEPTS = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")


def read_map(body: bytes, content_type: str, envelope: Envelope) -> dict[str, Any]:
    """The map in a request body; msgpack keys may be str or bytes."""
    packed = "msgpack" in content_type
    try:
        value = msgpack.unpackb(body, object_hook=_text_keys) if packed else json.loads(body)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as exc:
        raise envelope.invalid(f"The body is no valid {'msgpack' if packed else 'JSON'}: {exc}") from exc
    if not isinstance(value, dict):
        raise envelope.invalid("The body must be a map")
    return value


def wants_msgpack(accept: str) -> bool:
    """Whether a reply to this Accept header is msgpack; anything unclear means JSON."""
    return any(kind in accept for kind in _MSGPACK_ACCEPTS)


def map_reply(value: Mapping[str, Any], accept: str, headers: Mapping[str, str]) -> Reply:
    """A 200 with this map in the kind the client asked for."""
    if wants_msgpack(accept):
        return Reply(200, msgpack.packb(value), MSGPACK_TYPE, headers)
    return Reply(200, to_json(value), JSON_TYPE, headers)


def _text_keys(value: dict[Any, Any]) -> dict[Any, Any]:
    return {key.decode() if isinstance(key, bytes) else key: item for key, item in value.items()}

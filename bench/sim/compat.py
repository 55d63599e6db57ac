"""How a native refusal reads on the routes that dress encode and score as other APIs."""

import json
from collections.abc import Mapping
from typing import Any

from bench.sim.reply import RefusalError, Reply, json_reply, openai

_INVALID = ("invalid_request_error", "invalid_request")
_FAILED = ("server_error", "transport_failure")
_NAMES_0_4 = {
    "INVALID_REQUEST": _INVALID,
    "PAYLOAD_TOO_LARGE": _INVALID,
    "MODEL_NOT_FOUND": ("invalid_request_error", "model_not_found"),
    "BUNDLE_ROUTING_CONFLICT": _INVALID,
    "POOL_NOT_FOUND": _INVALID,
    "GATEWAY_TIMEOUT": ("server_error", "overall_timeout"),
}
_NAMES_0_10 = _NAMES_0_4 | {
    "INVALID_INPUT": _INVALID,
    "INPUT_TOO_LONG": _INVALID,
    "PAYLOAD_TOO_LARGE": ("invalid_request_error", "payload_too_large"),
    "PROVISIONING": ("server_error", "provisioning"),
}
_BY_STATUS = {
    400: "INVALID_REQUEST",
    404: "MODEL_NOT_FOUND",
    413: "PAYLOAD_TOO_LARGE",
    503: "QUEUE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}
_ERROR_CODE = "X-SIE-Error-Code"


def openai_refusal_0_4(reply: Reply) -> RefusalError:
    """In the OpenAI envelope.  A 202 stays as it is; only `detail` tells the code, else the status does."""
    if reply.status < 400:
        return RefusalError(reply)
    code = str(_part(reply, "detail").get("code") or _BY_STATUS.get(reply.status, "INTERNAL_ERROR"))
    return _openai(reply, code, _NAMES_0_4, {})


def openai_refusal_0_10(reply: Reply) -> RefusalError:
    """In the OpenAI envelope; the native code is in a header as well."""
    told = _part(reply, "detail") or _part(reply, "error")
    code = str(told.get("code") or _BY_STATUS.get(reply.status, "INTERNAL_ERROR"))
    return _openai(reply, code, _NAMES_0_10, {_ERROR_CODE: code})


def refusal_in_plain_words(reply: Reply) -> RefusalError:
    """As Cohere words it: `{"message"}`."""
    kept = {"retry-after", "x-sie-version", "x-sie-server-version", _ERROR_CODE.lower()}
    headers = {key: value for key, value in reply.headers.items() if key.lower() in kept}
    return RefusalError(json_reply(reply.status, {"message": _message(reply)}, headers))


def _openai(
    reply: Reply, code: str, names: Mapping[str, tuple[str, str]], more: Mapping[str, str]
) -> RefusalError:
    kind, name = names.get(code, _FAILED)
    body = openai(reply.status, kind, name, _message(reply)).reply.body
    headers = {key: value for key, value in reply.headers.items() if key.lower() != _ERROR_CODE.lower()}
    return RefusalError(Reply(reply.status, body, headers={**headers, **more}))


def _message(reply: Reply) -> str:
    told = _part(reply, "detail") or _part(reply, "error")
    return str(told.get("message") or "internal server error")


def _part(reply: Reply, key: str) -> dict[str, Any]:
    """The map under this key of a refusal's body; empty where it is none, as the string of a failed batch."""
    part = json.loads(reply.body).get(key)
    return part if isinstance(part, dict) else {}

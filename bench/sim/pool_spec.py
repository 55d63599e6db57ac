"""What a pool is to be, read from the body of a request."""

import json
from dataclasses import dataclass, field
from typing import Any

from bench.sim.model import DEFAULT_POOL
from bench.sim.pool_rules import PoolRules
from bench.sim.reply import RefusalError, Reply, native


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool as it was asked for; `queue` names the pool whose workers it has."""

    name: str
    queue: str
    gpus: dict[str, int] = field(default_factory=dict)
    gpu_caps: dict[str, int] = field(default_factory=dict)
    bundle: str | None = None
    ttl_seconds: int | None = None
    minimum_worker_count: int = 0
    later_keys: dict[str, Any] = field(default_factory=dict)
    """What later dialects add."""

    @staticmethod
    def read(
        body: dict[str, Any], rules: PoolRules, profiles: tuple[str, ...], deployed: frozenset[str]
    ) -> "PoolSpec":
        """The specification in a body whose types are right; raises RefusalError."""
        gpus, caps = body.get("gpus") or {}, body.get("gpu_caps") or {}
        if not body["name"]:
            raise native(400, "INVALID_REQUEST", "Pool name is required")
        if not gpus and not caps:
            raise native(400, "INVALID_REQUEST", "GPU requirements or caps are required")
        for profile in (*gpus, *caps):
            if profile.lower() not in profiles:
                raise native(400, "INVALID_REQUEST", f"Machine profile '{profile}' is not configured")
        name = rules.spelling(body["name"])
        caps = {profile.lower(): number for profile, number in caps.items()}
        queue = _queue(name, body, rules, deployed)
        later = {"queue_pool": queue, "pinned_models": body.get("pinned_models") or []}
        return PoolSpec(
            name,
            queue,
            {**dict.fromkeys(caps, 0), **{profile.lower(): number for profile, number in gpus.items()}},
            caps,
            body.get("bundle"),
            body.get("ttl_seconds"),
            body.get("minimum_worker_count") or 0,
            later if rules.logical else {},
        )

    def view(self) -> dict[str, Any]:
        """The specification as the API shows it."""
        told = {
            "name": self.name,
            "bundle": self.bundle,
            "gpus": self.gpus,
            "gpu_caps": self.gpu_caps,
            "ttl_seconds": self.ttl_seconds,
            "minimum_worker_count": self.minimum_worker_count,
            **self.later_keys,
        }
        if not self.gpu_caps:
            del told["gpu_caps"]
        return told


def read_pool_body(data: bytes, content_type: str) -> dict[str, Any]:
    """The map in a request for a pool; what its reader cannot take it refuses in plain text."""
    if "json" not in content_type:
        raise _text(415, "Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise _text(400, f"Failed to parse the request body as JSON: {exc}") from exc
    wrong = "body" if not isinstance(body, dict) else next((k for k in _TYPES if not _fits(body, k)), "")
    if wrong:
        raise _text(422, f"Failed to deserialize the JSON body into the target type: {wrong}")
    return dict(body)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**32


def _is_counts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


_TYPES = {
    "name": lambda value: isinstance(value, str),
    "gpus": _is_counts,
    "gpu_caps": _is_counts,
    "bundle": lambda value: value is None or isinstance(value, str),
    "ttl_seconds": lambda value: value is None or _is_count(value),
    "minimum_worker_count": _is_count,
}


def _fits(body: dict[str, Any], key: str) -> bool:
    return _TYPES[key](body[key]) if key in body else key != "name"


def _text(status: int, message: str) -> RefusalError:
    return RefusalError(Reply(status, message.encode(), "text/plain; charset=utf-8"))


def _queue(name: str, body: dict[str, Any], rules: PoolRules, deployed: frozenset[str]) -> str:
    if not rules.logical or name in deployed:
        return name
    asked = body.get("queue_pool") or DEFAULT_POOL
    if not isinstance(asked, str) or asked not in deployed | {DEFAULT_POOL}:
        raise native(400, "INVALID_REQUEST", f"No workers are deployed in pool '{asked}'")
    return asked

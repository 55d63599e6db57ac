"""The gateway's pool calls: specification -> body, answer -> facts."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.protocol.errors import code_and_message

LEASE_S = 1200.0
"""How long a gateway keeps a pool that nobody renews, where its specification says nothing else."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool as the gateway shows it: its state, and its workers per machine profile."""

    state: str
    workers: dict[str, int] = field(default_factory=dict)
    gpus: dict[str, int] = field(default_factory=dict)
    gpu_caps: dict[str, int] = field(default_factory=dict)


def pool_body(
    name: str,
    gpus: Mapping[str, int],
    gpu_caps: Mapping[str, int],
    *,
    bundle: str | None = None,
    ttl_s: int | None = None,
    minimum_worker_count: int = 0,
    queue_pool: str | None = None,
) -> dict[str, Any]:
    """The body of `POST /v1/pools`."""
    later = {"queue_pool": queue_pool} if queue_pool else {}
    return {
        "name": name,
        "gpus": dict(gpus),
        "gpu_caps": dict(gpu_caps),
        "bundle": bundle,
        "ttl_seconds": ttl_s,
        "minimum_worker_count": minimum_worker_count,
        **later,
    }


def read_pool(body: bytes) -> PoolState:
    """A pool from the body of an answer. Raises ValueError where it is none."""
    try:
        tree = json.loads(body)
        spec, status = tree["spec"], tree["status"]
        workers = Counter(str(worker["gpu"]) for worker in status.get("assigned_workers") or ())
        sizes = [{str(name): int(count) for name, count in (spec.get(key) or {}).items()} for key in _SIZES]
        return PoolState(str(status["state"]), dict(workers), *sizes)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no pool: {type(error).__name__}: {error}") from None


_SIZES = ("gpus", "gpu_caps")


def refusal(status: int, body: bytes) -> str:
    """Why a pool call was refused, in a few words."""
    code, message = code_and_message(body)
    return " ".join(str(word) for word in (status, code, message) if word)

"""The gateway's pool calls: specification -> body, answer -> facts."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.protocol.errors import problem_of

LEASE_S = 1200.0
"""How long a gateway keeps a pool that nobody renews, where its specification says nothing else."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool as the gateway shows it: its state, its workers per machine profile, its specification."""

    state: str
    workers: dict[str, int] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)

    def is_made_by(self, body: Mapping[str, Any]) -> bool:
        """Whether a pool with this body would be the same."""
        return _essence(self.spec) == _essence(body)


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
        return PoolState(str(status["state"]), dict(workers), dict(spec))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no pool: {type(error).__name__}: {error}") from None


def _essence(spec: Mapping[str, Any]) -> list[Any]:
    """What makes a pool another one. A cap adds its profile to the needs, with none needed."""
    needed = {name: count for name, count in (spec.get("gpus") or {}).items() if count}
    rest = [spec.get(key) or None for key in ("gpu_caps", "bundle", "ttl_seconds", "minimum_worker_count")]
    return [needed, *rest]


def refusal(status: int, body: bytes) -> str:
    """Why a pool call was refused, in a few words."""
    problem = problem_of(body)
    return " ".join(str(word) for word in (status, problem.code, problem.message) if word)

"""Pools made through the API: specification, lease, and the workers that joined.

A pool has the workers of its queue. At 0.4.1 that is the queue of its own name, which only workers deployed
under that name read, so a pool that the fleet does not have stays pending for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.sim.model import DEFAULT_POOL, LiveWorker
from bench.sim.pool_rules import PoolRules
from bench.sim.reply import native

LEASE_S = 1200.0


@dataclass(slots=True)
class Pool:
    """One pool; instants are seconds since 1970, as the wire has them."""

    name: str
    queue: str
    gpus: dict[str, int] = field(default_factory=dict)
    gpu_caps: dict[str, int] = field(default_factory=dict)
    bundle: str | None = None
    ttl_seconds: int | None = None
    minimum_worker_count: int = 0
    created_at: float = 0.0
    last_renewed: float = 0.0
    later_keys: dict[str, Any] = field(default_factory=dict)
    """What later dialects add to the specification."""

    def expired(self, now_s: float) -> bool:
        """Whether the lease has run out; the default pool has none."""
        return self.name != DEFAULT_POOL and now_s - self.last_renewed > (self.ttl_seconds or LEASE_S)

    def view(self, live: Iterable[LiveWorker]) -> dict[str, Any]:
        """The pool as the API shows it."""
        members = self.members(live)
        counts = [sum(w.lane.profile == profile for w in members) >= n for profile, n in self.gpus.items()]
        active = all(counts) and len(members) >= self.minimum_worker_count
        spec = {
            "name": self.name,
            "bundle": self.bundle,
            "gpus": self.gpus,
            "gpu_caps": self.gpu_caps,
            "ttl_seconds": self.ttl_seconds,
            "minimum_worker_count": self.minimum_worker_count,
            **self.later_keys,
        }
        if not self.gpu_caps:
            del spec["gpu_caps"]
        workers = [{"name": w.name, "url": worker_url(w.name), "gpu": w.lane.profile} for w in members]
        status = {
            "state": "active" if active else "pending",
            "assigned_workers": workers,
            "created_at": self.created_at,
            "last_renewed": self.last_renewed,
        }
        return {"spec": spec, "status": status}

    def members(self, live: Iterable[LiveWorker]) -> list[LiveWorker]:
        """The live workers of this pool, as far as its caps allow."""
        members: list[LiveWorker] = []
        for worker in live:
            cap = self.gpu_caps.get(worker.lane.profile)
            taken = sum(w.lane.profile == worker.lane.profile for w in members)
            if worker.lane.pool == self.queue and (cap is None or taken < cap):
                members.append(worker)
        return members


class PoolBook:
    """All pools of this gateway; the default pool is always there."""

    def __init__(
        self, rules: PoolRules, profiles: tuple[str, ...], deployed: frozenset[str], now_s: float
    ) -> None:
        self._rules = rules
        self._profiles = profiles
        self._deployed = deployed
        default = Pool(DEFAULT_POOL, DEFAULT_POOL, created_at=now_s, last_renewed=now_s)
        self._pools = {DEFAULT_POOL: default}

    def queue_of(self, name: str, now_s: float) -> str | None:
        """The pool whose workers serve requests for this one; None if the dialect says there is no such."""
        pool = self.find(name, now_s)
        if pool:
            return pool.queue
        return name if name in self._deployed or not self._rules.logical else None

    def find(self, name: str, now_s: float) -> Pool | None:
        """The pool of this name, unless its lease has run out."""
        self._pools = {key: pool for key, pool in self._pools.items() if not pool.expired(now_s)}
        return self._pools.get(self._rules.spelling(name))

    def get(self, name: str, now_s: float) -> Pool:
        """As `find`, but 404 when there is none."""
        pool = self.find(name, now_s)
        if pool is None:
            raise native(404, "POOL_NOT_FOUND", f"No pool is called '{name}'")
        return pool

    def all(self, now_s: float) -> list[Pool]:
        """Every pool."""
        self.find("", now_s)
        return list(self._pools.values())

    def put(self, body: dict[str, Any], now_s: float) -> Pool:
        """Make a pool, or renew the lease of one with the same specification."""
        fresh = self._read(body, now_s)
        old = self.find(fresh.name, now_s)
        if old and _spec(old) == _spec(fresh):
            old.last_renewed = now_s
            return old
        self._pools[fresh.name] = fresh
        return fresh

    def renew(self, name: str, now_s: float) -> None:
        """Start the lease anew."""
        self.get(name, now_s).last_renewed = now_s

    def delete(self, name: str, now_s: float) -> None:
        """Remove a pool; the default pool stays."""
        pool = self.get(name, now_s)
        if pool.name == DEFAULT_POOL:
            raise native(403, "DEFAULT_POOL_DELETE_FORBIDDEN", "The default pool cannot be deleted")
        del self._pools[pool.name]

    def _read(self, body: dict[str, Any], now_s: float) -> Pool:
        name, gpus, caps = body.get("name"), _counts(body, "gpus"), _counts(body, "gpu_caps")
        if not isinstance(name, str) or not name:
            raise native(400, "INVALID_REQUEST", "A pool needs a name")
        if not gpus and not caps:
            raise native(400, "INVALID_REQUEST", "GPU requirements or caps are required")
        for profile in (*gpus, *caps):
            if profile not in self._profiles:
                raise native(400, "INVALID_REQUEST", f"Machine profile '{profile}' is not configured")
        ttl, bundle, floor = (
            body.get("ttl_seconds"),
            body.get("bundle"),
            body.get("minimum_worker_count") or 0,
        )
        if not (ttl is None or type(ttl) is int) or type(floor) is not int:
            raise native(400, "INVALID_REQUEST", "ttl_seconds and minimum_worker_count are integers")
        name = self._rules.spelling(name)
        others = len(self._pools.keys() - {name, DEFAULT_POOL})
        breach = self._rules.breach(name, sum(gpus.values()), floor, ttl, others)
        if breach:
            raise breach
        queue = self._queue(name, body)
        later = {"queue_pool": queue, "pinned_models": body.get("pinned_models") or []}
        gpus = {**dict.fromkeys(caps, 0), **gpus}
        return Pool(
            name,
            queue,
            gpus,
            caps,
            bundle,
            ttl,
            floor,
            created_at=now_s,
            last_renewed=now_s,
            later_keys=later if self._rules.logical else {},
        )

    def _queue(self, name: str, body: dict[str, Any]) -> str:
        if not self._rules.logical or name in self._deployed:
            return name
        asked = body.get("queue_pool") or DEFAULT_POOL
        if asked not in self._deployed | {DEFAULT_POOL}:
            raise native(400, "INVALID_REQUEST", f"No workers are deployed in pool '{asked}'")
        return str(asked)


def worker_url(name: str) -> str:
    """Where a worker would listen; nothing does."""
    return f"http://{name}.sim.invalid:8080"


def _counts(body: dict[str, Any], key: str) -> dict[str, int]:
    value = body.get(key) or {}
    valid = isinstance(value, dict) and all(type(n) is int and n >= 0 for n in value.values())
    if not valid:
        raise native(400, "INVALID_REQUEST", f"{key} is a map from machine profile to a number of workers")
    return dict(value)


def _spec(pool: Pool) -> tuple[object, ...]:
    sizes = (pool.gpus, pool.gpu_caps, pool.ttl_seconds, pool.minimum_worker_count)
    return (*sizes, pool.bundle, pool.queue, pool.later_keys)

"""Pools made through the API: their life from the first request to the end of the lease.

A pool has the workers of its queue. At 0.4.1 that is the queue of its own name, which only workers deployed
under that name read, so a pool that the fleet does not have stays pending for ever. Workers join at the
assignments, not when the pool is made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bench.sim.model import DEFAULT_POOL, LiveWorker
from bench.sim.pool_rules import PoolRules
from bench.sim.pool_spec import PoolSpec
from bench.sim.reply import native

LEASE_S = 1200.0


@dataclass(slots=True)
class Pool:
    """One pool; instants are seconds since 1970, as the wire has them."""

    spec: PoolSpec
    created_at: float
    last_renewed: float
    assigned: list[LiveWorker] = field(default_factory=list)
    """The workers of the last assignment."""
    active: bool = False

    @property
    def name(self) -> str:
        """What requests call it."""
        return self.spec.name

    def expired(self, now_s: float, clock_scale: float) -> bool:
        """Whether the lease has run out; the default pool has none."""
        lease_s = (LEASE_S if self.spec.ttl_seconds is None else self.spec.ttl_seconds) * clock_scale
        return self.name != DEFAULT_POOL and now_s - self.last_renewed > lease_s

    def assign(self, live: Iterable[LiveWorker]) -> None:
        """Let the live workers of the queue join, as far as the profiles and caps allow."""
        self.assigned = []
        for worker in sorted(live, key=lambda worker: worker.name):
            profile = worker.lane.profile
            cap = self.spec.gpu_caps.get(profile, float("inf"))
            if self._wants(worker) and self.count(profile) < cap:
                self.assigned.append(worker)
        met = all(self.count(profile) >= least for profile, least in self.spec.gpus.items())
        enough = len(self.assigned) >= self.spec.minimum_worker_count
        self.active = bool(self.assigned) if self.name == DEFAULT_POOL else met and enough

    def _wants(self, worker: LiveWorker) -> bool:
        lane, spec = worker.lane, self.spec
        return lane.pool == spec.queue and lane.profile in spec.gpus and spec.bundle in (None, lane.bundle)

    def count(self, profile: str) -> int:
        """How many workers of the profile have joined."""
        return sum(worker.lane.profile == profile for worker in self.assigned)

    def view(self, *, expired: bool, tells_bundles: bool) -> dict[str, Any]:
        """The pool as the API shows it."""
        workers = [_member(worker, tells_bundle=tells_bundles) for worker in self.assigned]
        status = {
            "state": "expired" if expired else "active" if self.active else "pending",
            "assigned_workers": workers,
            "created_at": self.created_at,
            "last_renewed": self.last_renewed,
        }
        return {"spec": self.spec.view(), "status": status}


def _member(worker: LiveWorker, *, tells_bundle: bool) -> dict[str, Any]:
    told = {"name": worker.name, "url": worker_url(worker.name), "gpu": worker.lane.profile}
    return told | ({"bundle": worker.lane.bundle} if tells_bundle else {})


def worker_url(name: str) -> str:
    """Where a worker would listen; nothing does."""
    return f"http://{name}.sim.invalid:8080"


class PoolBook:
    """All pools of this gateway; the default pool is always there.

    Leases last `clock_scale` times as long as the contract says.
    """

    def __init__(
        self,
        rules: PoolRules,
        profiles: tuple[str, ...],
        deployed: frozenset[str],
        now_s: float,
        clock_scale: float = 1.0,
    ) -> None:
        self._rules = rules
        self._profiles = profiles
        self._deployed = deployed
        self._scale = clock_scale
        default = PoolSpec(DEFAULT_POOL, DEFAULT_POOL, dict.fromkeys(profiles, 0))
        self._pools = {DEFAULT_POOL: Pool(default, now_s, now_s)}

    def queue_of(self, name: str) -> str | None:
        """The pool whose workers serve requests for this one; None if the dialect says there is no such."""
        pool = self.find(name)
        if pool:
            return pool.spec.queue
        return name if name in self._deployed or not self._rules.logical else None

    def find(self, name: str) -> Pool | None:
        """The pool of this name, also when its lease has run out but nobody has swept it away yet."""
        return self._pools.get(self._rules.spelling(name))

    def get(self, name: str) -> Pool:
        """As `find`, but 404 when there is none."""
        pool = self.find(name)
        if pool is None:
            raise native(404, "POOL_NOT_FOUND", f"Pool '{name}' not found")
        return pool

    def view(self, pool: Pool, now_s: float) -> dict[str, Any]:
        """The pool as the API shows it."""
        return pool.view(expired=pool.expired(now_s, self._scale), tells_bundles=self._rules.logical)

    def views(self, now_s: float) -> list[dict[str, Any]]:
        """Every pool."""
        return [self.view(pool, now_s) for pool in self._pools.values()]

    def put(self, body: dict[str, Any], now_s: float) -> Pool:
        """Make a pool, renew the lease of one with the same specification, or start one anew."""
        others = len(self._pools) - 1
        spec = PoolSpec.read(body, self._rules, self._profiles, self._deployed)
        old = self._pools.get(spec.name)
        breach = self._rules.breach(
            spec.name,
            sum(spec.gpus.values()),
            spec.minimum_worker_count,
            spec.ttl_seconds,
            others - bool(old),
        )
        if breach:
            raise breach
        if old and old.spec == spec:
            old.last_renewed = now_s
            return old
        if old and old.name == DEFAULT_POOL:
            raise native(400, "INVALID_REQUEST", "The default pool cannot be changed")
        fresh = Pool(spec, now_s, now_s)
        self._pools[spec.name] = replace(fresh, created_at=old.created_at) if old else fresh
        return self._pools[spec.name]

    def renew(self, name: str, now_s: float) -> None:
        """Start the lease anew."""
        self.get(name).last_renewed = now_s

    def delete(self, name: str) -> None:
        """Remove a pool; the default pool stays."""
        pool = self.get(name)
        if pool.name == DEFAULT_POOL:
            raise native(403, "DEFAULT_POOL_DELETE_FORBIDDEN", "Cannot delete the default pool")
        del self._pools[pool.name]

    def assign(self, live: Iterable[LiveWorker]) -> None:
        """Let the live workers join their pools anew."""
        workers = tuple(live)
        for pool in self._pools.values():
            pool.assign(workers)

    def sweep(self, now_s: float) -> None:
        """Remove the pools whose lease has run out."""
        kept = {name: pool for name, pool in self._pools.items() if not pool.expired(now_s, self._scale)}
        self._pools = kept

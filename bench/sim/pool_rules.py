"""What a pool may be, in each generation of the contract."""

import re
from dataclasses import dataclass

from bench.sim.model import DEFAULT_POOL
from bench.sim.reply import RefusalError, native

_NO_LIMIT = float("inf")


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Names, limits, and whose workers a pool has."""

    name_pattern: re.Pattern[str]
    lower_case: bool = False
    reserved_names: frozenset[str] = frozenset()
    logical: bool = False
    """Whether a pool made through the API borrows the workers of another pool's queue, by default those of
    the default pool; otherwise only workers that were deployed under its name join it, and a name that
    nobody knows is a queue without consumers."""
    most_gpus: float = _NO_LIMIT
    highest_floor: float = _NO_LIMIT
    longest_ttl_s: float = _NO_LIMIT
    most_pools: float = _NO_LIMIT

    def spelling(self, name: str) -> str:
        """The name under which the gateway keeps a pool."""
        return name.lower() if self.lower_case else name

    def allows_name(self, name: str) -> bool:
        """Whether a request may name such a pool."""
        return bool(self.name_pattern.fullmatch(name))

    def breach(self, name: str, gpus: int, floor: int, ttl_s: int | None, others: int) -> RefusalError | None:
        """The refusal of a pool of this name, size, floor and lease beside so many others, if it is one."""
        if name in self.reserved_names:
            return _forbidden(f"The name '{name}' is reserved")
        if self.reserved_names and not self.allows_name(name):
            return native(400, "INVALID_REQUEST", f"'{name}' is no valid pool name")
        if (ttl_s or 0) > self.longest_ttl_s:
            return native(400, "INVALID_REQUEST", f"ttl_seconds is at most {self.longest_ttl_s:.0f}")
        for what, size, limit in (
            ("gpus", gpus, self.most_gpus),
            ("minimum_worker_count", floor, self.highest_floor),
            ("the number of pools", others + 1, self.most_pools),
        ):
            if size > limit:
                return _forbidden(f"{what} is {size}, more than {limit:.0f}")
        return None


POOLS_0_4 = PoolRules(re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII))
"""0.4.1 checks names only where a request uses them, and knows no limits."""

POOLS_0_10 = PoolRules(
    re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII),
    lower_case=True,
    reserved_names=frozenset([DEFAULT_POOL, "_default"]),
    logical=True,
    most_gpus=4,
    highest_floor=4,
    longest_ttl_s=3600,
    most_pools=64,
)


def _forbidden(message: str) -> RefusalError:
    return native(403, "POOL_OPERATION_FORBIDDEN", message)

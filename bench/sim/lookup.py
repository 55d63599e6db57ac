"""From a path and headers to a model and a lane, with the refusals in the contract's order."""

import re
import time

from bench.sim.gateway import Exchange, Settings, version_headers
from bench.sim.model import CARDS, DEFAULT_POOL, Card, Lane, Verdict
from bench.sim.reply import Envelope, RefusalError, json_reply, native

_POOL_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_BY_LOWER = {name.lower(): card for name, card in CARDS.items()}


def find_card(name: str, envelope: Envelope) -> Card:
    """The model of this name in any of its spellings: any case, `__` for `/`, `bundle:/` before it."""
    bundle, separator, rest = name.partition(":/")
    wanted = rest if separator else name
    card = _BY_LOWER.get(wanted.lower()) or _BY_LOWER.get(wanted.replace("__", "/").lower())
    if card is None:
        raise envelope.unknown_model(name)
    if separator and bundle != card.bundle:
        message = f"Bundle '{bundle}' cannot serve '{card.name}'"
        raise native(409, "BUNDLE_ROUTING_CONFLICT", message, compatible_bundles=[card.bundle])
    return card


def find_lane(exchange: Exchange, card: Card, envelope: Envelope) -> Lane:
    """The lane that the headers ask for; a `pool/profile` in the profile header overrides the pool's own."""
    headers = exchange.headers
    pool, profile = headers.get("X-SIE-Pool", ""), headers.get("X-SIE-MACHINE-PROFILE", "")
    if "/" in profile:
        pool, profile = profile.split("/", 1)
    if pool and not _POOL_NAME.fullmatch(pool):
        raise envelope.bad_pool(pool)
    if profile:
        profile = _canonical(profile, exchange.gateway.settings, envelope)
    return Lane(pool or DEFAULT_POOL, card.bundle, profile)


def require_warm(exchange: Exchange, lane: Lane, *, native_route: bool) -> None:
    """Refuse with "provisioning" when nobody can serve; only native routes tell versions and obey caps."""
    verdict = exchange.gateway.driver.demand(lane)
    if verdict is Verdict.COLD or (native_route and _held_by_caps(exchange, lane, verdict)):
        raise _provisioning(exchange.gateway.settings, lane, native_route=native_route)


def no_consumers(exchange: Exchange, lane: Lane, envelope: Envelope) -> RefusalError:
    """What a publish into a queue without readers comes back as."""
    return envelope.no_consumers(lane.pool, exchange.gateway.settings.dialect.no_consumers_retry_after_s)


def _canonical(profile: str, settings: Settings, envelope: Envelope) -> str:
    for candidate in (profile.lower(), f"{profile.lower()}-spot"):
        if candidate in settings.profiles:
            return candidate
    raise envelope.unknown_gpu(profile, list(settings.profiles))


def _held_by_caps(exchange: Exchange, lane: Lane, verdict: Verdict) -> bool:
    pool = exchange.gateway.pools.find(lane.pool, time.time())
    if pool is None or not pool.gpu_caps:
        return False
    if pool.gpu_caps.get(lane.profile) == 0:
        message = f"Pool '{lane.pool}' may hold no '{lane.profile}'"
        raise native(503, "POOL_CAPACITY_UNAVAILABLE", message, pool=lane.pool, gpu=lane.profile, cap=0)
    return verdict is not Verdict.LIVE


def _provisioning(settings: Settings, lane: Lane, *, native_route: bool) -> RefusalError:
    dialect = settings.dialect
    body = {
        "status": "provisioning",
        "gpu": lane.profile,
        "bundle": lane.bundle,
        "estimated_wait_s": dialect.cold_estimated_wait_s,
        "message": f"No worker serves bundle '{lane.bundle}' yet; retry later",
    }
    headers = {"Retry-After": str(dialect.cold_retry_after_s)}
    if native_route:
        headers |= version_headers(dialect)
    return RefusalError(json_reply(dialect.cold_status, body, headers))

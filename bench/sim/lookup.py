"""From a path and headers to a model and a lane, with the refusals in the contract's order."""

from bench.sim.gateway import Exchange, Settings, version_headers
from bench.sim.model import DEFAULT_POOL, Card, Catalog, Lane, Verdict
from bench.sim.pools import Pool
from bench.sim.provisioning import Cold
from bench.sim.reply import Envelope, RefusalError, json_reply, native


def find_card(catalog: Catalog, name: str, envelope: Envelope) -> Card:
    """The model of this name in any of its spellings: any case, `__` for `/`, `bundle:/` before it."""
    bundle, separator, rest = name.partition(":/")
    wanted = rest if separator else name
    card = catalog.find_card(wanted) or catalog.find_card(wanted.replace("__", "/"))
    if card is None:
        raise envelope.unknown_model(name)
    if separator and bundle != card.bundle:
        message = f"Bundle '{bundle}' cannot serve '{card.name}'"
        raise native(409, "BUNDLE_ROUTING_CONFLICT", message, compatible_bundles=[card.bundle])
    return card


def find_lane(exchange: Exchange, card: Card, envelope: Envelope) -> Lane:
    """The lane that the headers ask for; a `pool/profile` in the profile header overrides the pool's own."""
    pool, profile = _asked(exchange)
    rules, pools = exchange.gateway.settings.dialect.pools, exchange.gateway.pools
    if pool and not rules.allows_name(pool):
        raise envelope.bad_pool(pool)
    if profile:
        profile = _canonical(profile, exchange.gateway.settings, envelope)
    queue = pools.queue_of(rules.spelling(pool)) if pool else DEFAULT_POOL
    if queue is None:
        raise envelope.unknown_pool(pool)
    exchange.course.model, exchange.course.lane = card.name, Lane(queue, card.bundle, profile)
    return exchange.course.lane


def _asked(exchange: Exchange) -> tuple[str, str]:
    """The pool and the profile that the headers name."""
    headers = exchange.headers
    pool, profile = headers.get("X-SIE-Pool", ""), headers.get("X-SIE-MACHINE-PROFILE", "")
    if "/" in profile:
        pool, profile = profile.split("/", 1)
    return pool, profile


def require_warm(exchange: Exchange, lane: Lane, envelope: Envelope, *, native_route: bool) -> None:
    """Refuse with "provisioning" when nobody can serve; only native routes tell versions and obey caps."""
    verdict = exchange.gateway.driver.demand(lane, exchange.arrived_ns)
    if verdict is Verdict.COLD or (native_route and _held_by_caps(exchange, lane)):
        raise cold_refusal(exchange, lane, envelope, native_route=native_route)


def cold_refusal(exchange: Exchange, lane: Lane, envelope: Envelope, *, native_route: bool) -> RefusalError:
    """What a lane without workers says."""
    settings = exchange.gateway.settings
    versions = version_headers(settings.dialect) if native_route else {}
    wait_s = settings.retry_after_s(settings.dialect.cold_retry_after_s)
    return settings.dialect.cold_reply(Cold(lane, envelope, wait_s, versions))


def no_consumers(exchange: Exchange, lane: Lane, envelope: Envelope) -> RefusalError:
    """What a publish into a queue without readers comes back as."""
    settings = exchange.gateway.settings
    wait_s = settings.retry_after_s(settings.dialect.no_consumers_retry_after_s)
    return envelope.no_consumers(lane.pool, wait_s)


def _canonical(profile: str, settings: Settings, envelope: Envelope) -> str:
    for candidate in (profile.lower(), f"{profile.lower()}-spot"):
        if candidate in settings.profiles:
            return candidate
    raise envelope.unknown_gpu(profile, list(settings.profiles))


def _held_by_caps(exchange: Exchange, lane: Lane) -> bool:
    """Whether the pool that was asked for has caps, and nobody has joined it within them yet."""
    name, _ = _asked(exchange)
    pool = exchange.gateway.pools.find(name)
    if pool is None:
        return False
    caps = pool.spec.gpu_caps
    if lane.profile in caps and not caps[lane.profile]:
        raise _no_capacity(f"Pool '{pool.name}' may hold no '{lane.profile}'", pool, lane, {"cap": 0})
    if lane.profile:
        return lane.profile in caps and not pool.count(lane.profile)
    if caps and caps.keys() == pool.spec.gpus.keys() and not any(caps.values()):
        raise _no_capacity(f"Pool '{pool.name}' may hold nothing", pool, lane, {"profiles": sorted(caps)})
    return bool(caps) and not pool.assigned


def _no_capacity(message: str, pool: Pool, lane: Lane, why: dict[str, object]) -> RefusalError:
    body = {"code": "POOL_CAPACITY_UNAVAILABLE", "message": message, "pool": pool.name, "gpu": lane.profile}
    return RefusalError(json_reply(503, {"detail": body | why}))

"""The grammar of a fleet: `[pool:]profile[/bundle]=N` or `=MIN..MAX`, separated by commas."""

import re
from dataclasses import dataclass

from bench.sim.model.cards import DEFAULT_BUNDLE, GENERATION_BUNDLE
from bench.sim.model.catalog import SHIPPED, Catalog
from bench.sim.model.jobs import Lane
from bench.sim.model.mistakes import hint

DEFAULT_POOL = "default"
BUNDLES = (GENERATION_BUNDLE, DEFAULT_BUNDLE)
_MOST_WORKERS = 64
_ENTRY = re.compile(r"(?:([\w.-]+):)?([\w.-]+)(?:/([\w.-]+))?=(\d+)(?:\.\.(\d+))?", re.ASCII)


class FleetError(ValueError):
    """A fleet that cannot be built; the message says where and what would do."""


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """A lane with the fewest and the most workers it may have."""

    lane: Lane
    fewest: int
    most: int


def parse_fleet(text: str, catalog: Catalog = SHIPPED) -> tuple[LaneSpec, ...]:
    """The lanes that `--fleet` describes; raises FleetError."""
    profiles = tuple(catalog.chips)
    specs = [spec for entry in text.split(",") for spec in _parse_entry(entry.strip(), profiles)]
    lanes = [spec.lane for spec in specs]
    for lane in lanes:
        if lanes.count(lane) > 1:
            raise FleetError(f"fleet names {lane.pool}:{lane.profile}/{lane.bundle} more than once")
    return tuple(specs)


def _parse_entry(entry: str, profiles: tuple[str, ...]) -> list[LaneSpec]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise FleetError(
            f"fleet entry {entry!r} is not [pool:]profile[/bundle]=N or =MIN..MAX; "
            "example: l4=2,a100-40gb=0..1"
        )
    pool, profile, bundle, fewest, most = match.groups()
    _check_name("profile", profile, profiles)
    if bundle is not None:
        _check_name("bundle", bundle, BUNDLES)
    low, high = int(fewest), int(most if most is not None else fewest)
    if not low <= high <= _MOST_WORKERS:
        raise FleetError(f"fleet entry {entry!r}: 0 <= MIN <= MAX <= {_MOST_WORKERS} must hold")
    bundles = BUNDLES if bundle is None else (bundle,)
    return [LaneSpec(Lane(pool or DEFAULT_POOL, name, profile), low, high) for name in bundles]


def _check_name(what: str, name: str, valid: tuple[str, ...]) -> None:
    if name not in valid:
        raise FleetError(f"fleet has unknown {what} {name!r}{hint(name, valid)}")

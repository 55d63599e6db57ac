"""What a gateway says of itself: `/health`, and which generation of the contract it speaks."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

Dialect = Literal["0.4", "0.10"]

FIRST_LATER = (0, 6, 5)
"""The first gateway whose cold lanes answer 503: what tells the two dialects apart."""


class Spoken(NamedTuple):
    """A dialect, and how it was found out: told, version, health."""

    dialect: Dialect
    source: str


def is_gateway(health: Any) -> bool:
    """Whether this is the `/health` of a gateway; a lone worker has none, or another."""
    return isinstance(health, dict) and health.get("type") == "gateway"


def dialect_of(told: str, version: str | None, health: Mapping[str, Any]) -> Spoken:
    """The dialect that was told, or that of the version, or that of the keys of `/health`."""
    if told in {"0.4", "0.10"}:
        return Spoken("0.4" if told == "0.4" else "0.10", "told")
    numbers = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version or "")
    if numbers:
        parts = tuple(int(part or 0) for part in numbers.groups())
        return Spoken("0.4" if parts < FIRST_LATER else "0.10", "version")
    return Spoken("0.10" if "pending_generation" in health else "0.4", "health")


def live_workers(health: Mapping[str, Any]) -> dict[str, int]:
    """Healthy workers per machine profile."""
    return dict(Counter(str(worker.get("gpu")) for worker in _healthy(health)))


def serving(health: Mapping[str, Any], models: Iterable[str]) -> dict[str, dict[str, int]]:
    """For each of the models (as given), the healthy workers per profile that have it loaded.

    Workers of one profile need not serve the same models: those that generate do not encode.
    """
    return {
        model: dict(Counter(str(worker.get("gpu")) for worker in _that_have(model, health)))
        for model in models
    }


def standing(health: Mapping[str, Any], model: str, profiles: Collection[str]) -> list[str]:
    """Names of the healthy workers that serve a model on these profiles (none named: on any), or may soon.

    Those of a profile's alias (`-spot`) are among them, and those that have no model loaded yet: of the
    bundles of workers that have this one, where any has and bundles are told.
    """
    wanted = [name for profile in profiles for name in (profile, f"{profile}-spot")]
    having = [_name(worker) for worker in _that_have(model, health)]
    bundles = {worker.get("bundle") for worker in _that_have(model, health)}

    def may(worker: Mapping[str, Any]) -> bool:
        """Whether one without a model may get this one."""
        return not worker.get("loaded_models") and (not bundles or worker.get("bundle") in {None, *bundles})

    return [
        _name(worker)
        for worker in _healthy(health)
        if _is_of(wanted, worker) and (_name(worker) in having or may(worker))
    ]


def holding(health: Mapping[str, Any], model: str, profiles: Collection[str]) -> list[str]:
    """Names of the healthy workers of these profiles (none named: of any) that have a model loaded."""
    return [_name(worker) for worker in _that_have(model, health) if _is_of(profiles, worker)]


def names_workers(health: Mapping[str, Any]) -> bool:
    """Whether it lists the workers that it counts, each with a name or an address."""
    listed, counted = health.get("workers"), (health.get("cluster") or {}).get("worker_count")
    if not isinstance(listed, list) or (counted and not listed):
        return False
    return all(isinstance(one, dict) and (one.get("name") or one.get("url")) for one in listed)


class News:
    """What a gateway tells of its workers that it did not tell the time before; one for each who listens."""

    def __init__(self) -> None:
        self._joined: set[str] = set()
        self._loaded: set[tuple[str, str]] = set()

    def of(self, health: Mapping[str, Any], models: Iterable[str]) -> dict[str, Any]:
        """`joined`: healthy workers by name with their profile; `loaded`: their names, per model."""
        joined = {_name(worker): str(worker.get("gpu")) for worker in _healthy(health)}
        new = {name: profile for name, profile in joined.items() if name not in self._joined}
        loaded = {model: [_name(worker) for worker in _that_have(model, health)] for model in models}
        later = {
            model: [name for name in names if (model, name) not in self._loaded]
            for model, names in loaded.items()
        }
        self._joined = set(joined)
        self._loaded = {(model, name) for model, names in loaded.items() for name in names}
        return {"joined": new, "loaded": {model: names for model, names in later.items() if names}}


def same_model(one: str, other: str) -> bool:
    """Whether two spellings name one model: case does not matter, and `__` stands for `/`."""
    return _canonical(one) == _canonical(other)


def _that_have(model: str, health: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        worker
        for worker in _healthy(health)
        if any(same_model(model, str(name)) for name in worker.get("loaded_models") or ())
    ]


def _is_of(profiles: Collection[str], worker: Mapping[str, Any]) -> bool:
    return not profiles or str(worker.get("gpu")).lower() in {profile.lower() for profile in profiles}


def _name(worker: Mapping[str, Any]) -> str:
    return str(worker.get("name") or worker.get("url"))


def _canonical(model: str) -> str:
    return model.rpartition(":/")[2].replace("__", "/").lower()


def _healthy(health: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    workers = health.get("workers") or ()
    return [worker for worker in workers if isinstance(worker, dict) and worker.get("healthy")]

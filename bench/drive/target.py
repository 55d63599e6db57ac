"""Whom we are about to load: is it there, is it what it should be, can it do what the scenario asks?"""

from collections.abc import Mapping
from typing import Any

from bench.drive.control import Control, TargetError
from bench.protocol import dialect_of, is_gateway, live_workers, same_model, serving
from bench.record import TargetSaid
from bench.scenario import Scenario, Traffic, refusals

MOST_NAMES = 12
"""How many names a sentence lists."""


def introduce(scenario: Scenario, control: Control) -> TargetSaid:
    """Ask the target about itself, without work for its GPUs. Raises TargetError where it will not do."""
    said = _introduce(scenario, control)
    if said.kind == "sie":
        _check_profiles(scenario, said)
        _check_routes(scenario, said)
    _check_models(scenario, control)
    return said


def _introduce(scenario: Scenario, control: Control) -> TargetSaid:
    if control.endpoint.kind == "openai":
        control.get("/v1/models")
        return TargetSaid(kind="openai", url=control.endpoint.url)
    health = control.get("/health").tree()
    return _gateway(scenario, control, health) if is_gateway(health) else _lone_worker(scenario, control)


_TELLING = ("version", "simulated", "configured_gpu_types", "live_gpu_types", "cluster")


def _gateway(scenario: Scenario, control: Control, health: dict[str, Any]) -> TargetSaid:
    version = control.get("/v1/models").headers.get("x-sie-version") or health.get("version")
    spoken = dialect_of(scenario.target.dialect, version, health)
    return TargetSaid(
        kind="sie",
        role="gateway",
        url=control.endpoint.url,
        simulated="simulated" in health,
        version=version,
        dialect=spoken.dialect,
        dialect_source=spoken.source,
        said={key: health[key] for key in _TELLING if key in health},
        live_workers=live_workers(health),
        serving=serving(health, {traffic.model for traffic in scenario.classes}),
    )


def _lone_worker(scenario: Scenario, control: Control) -> TargetSaid:
    """A server that is loaded without a gateway: it has models that tell what they give, but no workers."""
    response = control.get("/v1/models")
    if not any("outputs" in model for model in _maps(response.tree().get("models"))):
        raise TargetError(
            f"{control.endpoint.url} answers, but is no SIE gateway (its /health does not say so) nor a lone "
            "SIE server; for an OpenAI-compatible server set target.kind: openai"
        )
    if scenario.pools:
        raise TargetError(f"{control.endpoint.url} is a lone SIE server, which has no pools")
    version = response.headers.get("x-sie-server-version")
    spoken = dialect_of(scenario.target.dialect, version, {})
    return TargetSaid(
        kind="sie",
        role="worker",
        url=control.endpoint.url,
        version=version,
        dialect=spoken.dialect if version or spoken.source == "told" else None,
        dialect_source=spoken.source if version or spoken.source == "told" else None,
    )


def _check_profiles(scenario: Scenario, said: TargetSaid) -> None:
    configured = [str(name) for name in said.said.get("configured_gpu_types") or ()]
    known = {name.lower() for name in configured}
    for traffic in scenario.classes:
        for profile in traffic.profiles:
            if known and not {profile.lower(), f"{profile.lower()}-spot"} & known:
                there = ", ".join(sorted(configured))
                raise TargetError(
                    f"class {traffic.name}: profile {profile!r} is not configured there; known: {there}"
                )


def _check_routes(scenario: Scenario, said: TargetSaid) -> None:
    """What the scenario's own check could not know: the dialect that was found."""
    for traffic in scenario.classes:
        for why in refusals(traffic, "sie", said.dialect):
            raise TargetError(f"{why}; or say target.dialect, if {said.dialect} is not what it speaks")


def _check_models(scenario: Scenario, control: Control) -> None:
    listing = control.get("/v1/models").tree()
    # Other servers have a key of that name too, and mean something else by it.
    models = listing.get("models") if control.endpoint.kind == "sie" else None
    told = {str(model.get("name")): model for model in _maps(models)}
    listed = [str(model["id"]) for model in _maps(listing.get("data")) if "id" in model] or list(told)
    for traffic in scenario.classes:
        name = next((name for name in listed if same_model(name, traffic.model)), None)
        if listed and name is None:
            there = ", ".join(sorted(listed)[:MOST_NAMES])
            raise TargetError(
                f"class {traffic.name}: model {traffic.model!r} is not served there; known: {there}"
            )
        _check_abilities(traffic, told.get(name or "", {}))


_NEEDS = {
    "chat": {"tokens"},
    "completion": {"tokens"},
    "generate": {"tokens"},
    "encode": {"dense", "sparse", "multivector"},
    "embed": {"dense"},
    "score": {"score"},
    "rerank": {"score"},
    "extract": {"json"},
}


def _check_abilities(traffic: Traffic, model: Mapping[str, Any]) -> None:
    """Only what the target tells of a model can speak against it."""
    outputs = {str(name) for name in model.get("outputs") or ()}
    wanted = set(getattr(traffic, "output_types", ())) or _NEEDS[traffic.operation]
    missing = wanted - outputs if getattr(traffic, "output_types", ()) else not wanted & outputs
    if outputs and missing:
        raise TargetError(
            f"class {traffic.name}: model {traffic.model!r} cannot do {traffic.operation}: it gives "
            f"{', '.join(sorted(outputs))}, and {' or '.join(sorted(wanted))} is needed"
        )
    capabilities = model.get("capabilities")
    _check_capabilities(traffic, capabilities if isinstance(capabilities, dict) else {})


def _check_capabilities(traffic: Traffic, capabilities: Mapping[str, Any]) -> None:
    if getattr(traffic, "tools", ()) and capabilities.get("tools") is False:
        raise TargetError(f"class {traffic.name}: model {traffic.model!r} takes no tools")
    adapter, known = getattr(traffic, "lora_adapter", None), capabilities.get("lora_adapters")
    if adapter and isinstance(known, list) and adapter not in known:
        there = ", ".join(map(str, known)) or "none"
        raise TargetError(
            f"class {traffic.name}: model {traffic.model!r} has no adapter {adapter!r}; known: {there}"
        )


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

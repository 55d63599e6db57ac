"""Whom we are about to load: is it there, and is it what it should be?

TargetError   it cannot be loaded; one sentence says why and what to do
"""

import logging
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx

from bench.protocol import Endpoint
from bench.record import TargetSaid
from bench.scenario import Scenario, Target


class TargetError(Exception):
    """A target that cannot be loaded."""


# At INFO it would tell of every look at /health in the middle of Locust's tables.
logging.getLogger("httpx").setLevel(logging.WARNING)


def endpoint_of(target: Target) -> Endpoint:
    """URL and key; the key comes from the environment variable that the scenario names."""
    if target.url is None:
        raise TargetError("the scenario names no target URL; give --target, or leave the embedded gateway on")
    return Endpoint(target.kind, target.url.rstrip("/"), _secret(target.api_key_env))


def _secret(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise TargetError(f"the environment variable {name}, which should hold the key, is empty or not set")
    if not (key.isascii() and key.isprintable()):
        raise TargetError(f"the environment variable {name} holds characters that no header can carry")
    return key


def introduce(scenario: Scenario, endpoint: Endpoint) -> TargetSaid:
    """Ask the target about itself, without work for its GPUs. Raises TargetError where it will not do."""
    said = _introduce(endpoint)
    if endpoint.kind == "sie":
        _check_profiles(scenario, said)
    _check_models(scenario, endpoint)
    return said


def live_workers(health: Mapping[str, Any]) -> dict[str, int]:
    """Healthy workers per profile, as /health has them."""
    workers = [worker for worker in health.get("workers") or () if worker.get("healthy")]
    return dict(Counter(str(worker.get("gpu")) for worker in workers))


def _introduce(endpoint: Endpoint) -> TargetSaid:
    if endpoint.kind == "openai":
        _get(endpoint, "/v1/models")
        return TargetSaid(kind="openai", url=endpoint.url)
    health = _json(endpoint, _get(endpoint, "/health"))
    if health.get("type") != "gateway":
        raise TargetError(
            f"{endpoint.url} answers, but is no SIE gateway (its /health does not say so); "
            "for an OpenAI-compatible server set target.kind: openai"
        )
    return TargetSaid(
        kind="sie",
        url=endpoint.url,
        simulated="simulated" in health,
        version=_version(endpoint) or health.get("version"),
        said={key: health[key] for key in _TELLING if key in health},
        live_workers=live_workers(health),
    )


_TELLING = ("version", "simulated", "configured_gpu_types", "live_gpu_types", "cluster")


def _version(endpoint: Endpoint) -> str | None:
    version: str | None = _get(endpoint, "/v1/models").headers.get("x-sie-version")
    return version


def _get(endpoint: Endpoint, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    try:
        response = httpx.get(
            f"{endpoint.url.removesuffix('/v1')}{path}", headers=headers, timeout=10.0, trust_env=False
        )
    except httpx.HTTPError as error:
        raise TargetError(f"nothing answers at {endpoint.url}: {error}") from None
    if response.status_code in {401, 403}:
        raise TargetError(
            f"{endpoint.url} wants credentials ({response.status_code} on {path}): "
            "name the variable that holds the key in target.api_key_env"
        )
    return response


def _json(endpoint: Endpoint, response: httpx.Response) -> dict[str, Any]:
    try:
        tree = response.json()
    except ValueError:
        tree = None
    if response.status_code != 200 or not isinstance(tree, dict):
        raise TargetError(
            f"{endpoint.url} is no SIE gateway: {response.request.url.path} answered {response.status_code}, "
            "not a JSON object; for an OpenAI-compatible server set target.kind: openai"
        )
    return tree


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


def _check_models(scenario: Scenario, endpoint: Endpoint) -> None:
    response = _get(endpoint, "/v1/models")
    if response.status_code != 200:
        return
    listed = [str(model.get("id")) for model in _json(endpoint, response).get("data") or ()]
    known = {name.lower() for name in listed}
    for traffic in scenario.classes:
        if known and traffic.model.lower().replace("__", "/") not in known:
            there = ", ".join(sorted(listed)[:12])
            raise TargetError(
                f"class {traffic.name}: model {traffic.model!r} is not served there; known: {there}"
            )

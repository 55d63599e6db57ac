"""Calls that are no part of the measurement: health, models, pools. Two credentials, never shown.

TargetError   the target cannot be loaded; one sentence says why and what to do
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bench.drive.tls import context_of
from bench.protocol import Endpoint
from bench.scenario import Target

TIMEOUT_S = 10.0
HIDDEN = "***"

FRESH = httpx.Limits(max_keepalive_connections=0)
"""A connection for each call: a kept one may have been closed by the server in the meantime."""

# At INFO it would tell of every look at /health in the middle of Locust's tables.
logging.getLogger("httpx").setLevel(logging.WARNING)


class TargetError(Exception):
    """A target that cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the target said, with our credentials hidden should it repeat them."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def tree(self) -> dict[str, Any]:
        """The JSON object of a 200; empty where it is none."""
        try:
            tree = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return tree if self.status == 200 and isinstance(tree, dict) else {}


class Control:
    """The control plane of a target.

    Reads carry the ordinary key and pool writes the admin key where there is one: a gateway takes neither for
    the other. Raises TargetError where nobody answers or the credential is refused.
    """

    def __init__(self, endpoint: Endpoint, admin_key: str | None = None) -> None:
        self.endpoint = endpoint
        self._admin_key = admin_key
        self._keys = tuple(filter(None, (endpoint.api_key, admin_key)))
        self._client = httpx.Client(
            base_url=endpoint.url.removesuffix("/v1"),
            timeout=TIMEOUT_S,
            trust_env=False,
            limits=FRESH,
            verify=context_of(endpoint),
        )

    def get(self, path: str) -> Answer:
        """Read with the ordinary key."""
        return self._call("GET", path, self.endpoint.api_key, "target.api_key_env")

    def write(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Write with the admin key, or the ordinary one where no other was named."""
        key = self._admin_key or self.endpoint.api_key
        return self._call(method, path, key, "target.admin_key_env", body)

    def masked(self, text: str) -> str:
        """Words of the server without our credentials."""
        return hidden(text, self._keys)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _call(
        self, method: str, path: str, key: str | None, variable: str, body: dict[str, Any] | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            response = self._client.request(method, path, headers=headers, json=body)
        except httpx.HTTPError as error:
            reason = self.masked(str(error) or type(error).__name__)
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                raise TargetError(
                    f"the certificate of {self.endpoint.url} is not believed: {reason}; name the file of its "
                    "authority in target.ca_file, or set target.verify: false"
                ) from None
            raise TargetError(f"nothing answers at {self.endpoint.url}: {reason}") from None
        if response.status_code == 401 or (response.status_code == 403 and method == "GET"):
            raise TargetError(
                f"{self.endpoint.url} wants credentials ({response.status_code} on {method} {path}): "
                f"name the variable that holds the key in {variable}"
            )
        told = {name: self.masked(value) for name, value in response.headers.items()}
        text = self.masked(response.content.decode(errors="replace"))
        return Answer(path, response.status_code, told, text.encode())


def hidden(text: str, keys: tuple[str, ...]) -> str:
    """The text without these keys in it."""
    for key in keys:
        text = text.replace(key, HIDDEN)
    return text


def endpoint_of(target: Target) -> Endpoint:
    """URL and key; the key comes from the environment variable that the scenario names."""
    if target.url is None:
        raise TargetError("the scenario names no target URL; give --target, or leave the embedded gateway on")
    key = secret(target.api_key_env)
    endpoint = Endpoint(target.kind, target.url.rstrip("/"), key, target.ca_file, target.verify)
    try:
        context_of(endpoint)
    except OSError as error:
        raise TargetError(
            f"target.ca_file {target.ca_file} cannot be used: {error.strerror or error}"
        ) from None
    return endpoint


def secret(name: str | None) -> str | None:
    """The value of an environment variable that holds a key. Raises TargetError where it holds none."""
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise TargetError(f"the environment variable {name}, which should hold the key, is empty or not set")
    if not (key.isascii() and key.isprintable()):
        raise TargetError(f"the environment variable {name} holds characters that no header can carry")
    return key

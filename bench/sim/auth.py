"""Who may call what: the first check of every request, before its path means anything.

Tokens come from environment variables that the command line names, so that no secret stands in a list of
processes; nothing here prints one.
"""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass

from bench.sim.reply import RefusalError, native

_OPEN_PATHS = ("/healthz", "/readyz", "/openapi.json", "/docs")
_OPERATIONAL_PATHS = ("/", "/health", "/metrics")
_WRITES = ("POST", "PUT", "DELETE")
_ADMIN_PATHS = ("/v1/config", "/v1/admin", "/v1/pools")
_PREFIX = "bearer "


class AuthError(ValueError):
    """Options of authentication that contradict one another, or variables that are not set."""


@dataclass(frozen=True, slots=True, repr=False)
class Auth:
    """The tokens of a gateway that asks for them; without any it can only say that it is misconfigured.

    The admin token alone may write pools, and does nothing else unless it is among the tokens too.
    """

    tokens: tuple[str, ...]
    admin_token: str = ""
    exempt_operational: bool = False
    """Whether status page, `/health`, `/metrics` and WebSockets are open to all."""

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> RefusalError | None:
        """Why this request may not go on, or None if it may."""
        if path in _OPEN_PATHS or (self.exempt_operational and _is_operational(path)):
            return None
        if not self.tokens:
            message = "Gateway auth enabled but no tokens configured"
            return native(500, "GATEWAY_AUTH_MISCONFIGURED", message)
        token = _token(headers)
        if not token:
            return native(401, "UNAUTHORIZED", "Missing Authorization header")
        if method in _WRITES and path.startswith(_ADMIN_PATHS):
            return self._admin_refusal(token)
        known = [_same(token, valid) for valid in self.tokens]
        return None if any(known) else native(401, "UNAUTHORIZED", "Invalid token")

    def _admin_refusal(self, token: str) -> RefusalError | None:
        if not self.admin_token:
            return native(403, "FORBIDDEN", "Admin token not configured")
        return None if _same(token, self.admin_token) else native(403, "FORBIDDEN", "Admin token required")


def read_auth(mode: str, token_names: str, admin_name: str, *, exempt_operational: bool) -> Auth | None:
    """The tokens under these names of environment variables; None where nobody is asked for one."""
    if mode == "none":
        if token_names or admin_name or exempt_operational:
            raise AuthError("tokens and exemptions mean nothing without --auth static")
        return None
    names = [name.strip() for name in token_names.split(",") if name.strip()]
    tokens = [token.strip() for name in names for token in _variable(name).split(",") if token.strip()]
    admin_token = _variable(admin_name).strip() if admin_name else ""
    return Auth(tuple(tokens), admin_token, exempt_operational)


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value.strip(" ,"):
        raise AuthError(f"the environment variable {name!r} is not set or empty")
    return value


def _is_operational(path: str) -> bool:
    return path in _OPERATIONAL_PATHS or path.startswith("/ws/")


def _token(headers: Mapping[str, str]) -> str:
    """The token with or without "Bearer" before it."""
    value = headers.get("Authorization", "").strip()
    return value[len(_PREFIX) :].strip() if value.lower().startswith(_PREFIX) else value


def _same(given: str, valid: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), valid.encode(errors="replace"))

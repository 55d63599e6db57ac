"""What a request hears when its lane has no worker yet, in each generation of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.sim.model import Lane
from bench.sim.reply import Envelope, RefusalError, json_reply
from bench.sim.signals import SIGNALS

_ESTIMATED_WAIT_S = 180


@dataclass(frozen=True, slots=True)
class Cold:
    """A request for a lane without workers."""

    lane: Lane
    envelope: Envelope
    retry_after_s: int
    version_headers: Mapping[str, str]
    """Empty on the routes that tell no version."""

    @property
    def message(self) -> str:
        """The reason in words."""
        return f"No worker serves bundle '{self.lane.bundle}' yet; retry later"


def accepted(cold: Cold) -> RefusalError:
    """0.4: 202 with a body of its own, the same on every route."""
    body = {
        "status": "provisioning",
        "gpu": cold.lane.profile,
        "bundle": cold.lane.bundle,
        "estimated_wait_s": _ESTIMATED_WAIT_S,
        "message": cold.message,
    }
    headers = {"Retry-After": str(cold.retry_after_s), **cold.version_headers}
    return RefusalError(json_reply(202, body, headers))


def unavailable(cold: Cold) -> RefusalError:
    """0.10: 503 in the route's envelope, with the code in a header as well."""
    headers = {
        "Retry-After": str(cold.retry_after_s),
        "X-SIE-Error-Code": "PROVISIONING",
        **cold.version_headers,
    }
    body = cold.envelope.signal(replace(SIGNALS["PROVISIONING"], message=cold.message))
    return RefusalError(json_reply(503, body, headers))

"""What becomes known of a request while it is served."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.sim.faults import Fault
from bench.sim.model import SHORTEST_KEY_BYTES, Lane

_NOWHERE = Lane("", "", "")
_KEY_BYTES = 512


@dataclass(slots=True)
class Course:
    """Filled in by the steps that find these things out."""

    model: str = ""
    lane: Lane = _NOWHERE
    body: Mapping[str, Any] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    """What the fault plan has for this request, by kind."""
    republished: bool = False
    """Whether the gateway gave up on the worker that it chose."""
    dropped: bool = False
    """Whether we ended the connection."""

    @property
    def routing_key(self) -> str:
        """What the gateway chooses one worker by: a key, or the first words of the prompt; empty for none."""
        for key in ("routing_key", "prompt_cache_key"):
            if self.body.get(key):
                return f"{key}={self.body[key]}"
        folded = " ".join(_opening(self.body).lower().split()).encode(errors="replace")[:_KEY_BYTES]
        return folded.decode(errors="replace") if len(folded) >= SHORTEST_KEY_BYTES else ""


def _opening(body: Mapping[str, Any]) -> str:
    """The system message of a chat, or the prompt."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return str(body.get("prompt", ""))
    maps = [message for message in messages if isinstance(message, dict)]
    systems = [message for message in maps if message.get("role") in ("system", "developer")]
    return str((systems or maps or [{}])[0].get("content", ""))

"""The table of faults: which keys each kind has, and what each key may hold."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.sim.model import BUNDLES, SHIPPED, Catalog
from bench.sim.signals import SIGNALS

ANY = "any"
STREAMED = ("chat", "generate", "completion")
OPERATIONS = (*STREAMED, "encode", "score", "extract", "embed", "rerank")

Check = tuple[Callable[[object], bool], str]


def _is_number(value: object, low: float, high: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and low <= value <= high


def _number(low: float, high: float, meaning: str) -> Check:
    return (lambda value: _is_number(value, low, high)), meaning


def _count(low: int, meaning: str) -> Check:
    return (lambda value: isinstance(value, int) and _is_number(value, low, 10**9)), meaning


def _one_of(*words: str) -> Check:
    return (lambda value: value in words), f"one of {', '.join(words)}"


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_count(1, "")[0], value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


_SECONDS = _number(0, 1e9, "a number of seconds >= 0")
CHECKS: dict[str, Check] = {
    "at_s": _SECONDS,
    "duration_s": _SECONDS,
    "delay_s": _SECONDS,
    "operation": _one_of(*OPERATIONS, ANY),
    "model": _one_of(*SHIPPED.cards),
    "profile": _one_of(*SHIPPED.chips),
    "bundle": _one_of(*BUNDLES),
    "pool": (_is_text, "a text"),
    "count": _count(1, "a number of requests >= 1"),
    "every": _count(1, "a number of requests >= 1"),
    "requests": (_is_numbers, "a list of request numbers, counted from 1"),
    "share": _number(0, 1, "a share from 0 to 1"),
    "signal": _one_of(*SIGNALS),
    "retry_after": (lambda value: _is_text(value) or _is_number(value, 0, 1e9), "a number, a text or none"),
    "after_events": _count(0, "a number of events >= 0"),
    "code": (_is_text, "a text"),
    "missing": _count(1, "a number of items >= 1"),
    "lines": _count(1, "a number of lines >= 1"),
    "factor": _number(1, 1e6, "a number >= 1"),
    "workers": _count(1, "a number of workers >= 1"),
    "streams": _one_of("cut", "hang"),
    "how": _one_of("reset", "close"),
}
_STREAM_OPERATION = _one_of(*STREAMED, ANY)
_WHICH = ("at_s", "duration_s", "model", "profile", "pool", "count", "every", "requests", "share")
_WHERE = ("pool", "bundle", "profile", "workers")


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: its keys, whether it meets requests, and whether only streams."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    streams: bool = False

    @property
    def meets_requests(self) -> bool:
        """Whether it meets requests; the others happen to the gateway or to workers."""
        return "operation" in self.required

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key."""
        return ("fault", *self.required, *self.optional)

    def check(self, key: str, catalog: Catalog = SHIPPED) -> Check:
        """What the key may hold."""
        if key in ("model", "profile"):
            return _one_of(*(catalog.cards if key == "model" else catalog.chips))
        return _STREAM_OPERATION if key == "operation" and self.streams else CHECKS[key]


def _request(*required: str, optional: tuple[str, ...] = (), streams: bool = False) -> Kind:
    return Kind(("operation", *required), (*optional, *_WHICH), streams)


KINDS = {
    "stall": Kind(("at_s", "duration_s")),
    "kill": Kind(("at_s",)),
    "lose_worker": Kind(("at_s",), ("streams", *_WHERE)),
    "slow": Kind(("at_s", "factor"), ("duration_s", *_WHERE)),
    "load_failure": Kind(("model",), ("at_s", "duration_s")),
    "refuse": _request("signal", optional=("retry_after",)),
    "delay": _request("delay_s"),
    "hang": _request(optional=("after_events",)),
    "drop": _request(optional=("after_events", "how")),
    "garbage": _request(optional=("after_events",)),
    "close": _request(),
    "short_items": _request(optional=("missing",)),
    "no_usage": _request(),
    "wrong_usage": _request(),
    "stream_error": _request("after_events", optional=("code",), streams=True),
    "stream_cut": _request("after_events", streams=True),
    "no_done": _request(streams=True),
    "comments": _request(optional=("after_events", "lines"), streams=True),
}
"""Every fault by the name that a plan gives it."""

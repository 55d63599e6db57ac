"""Fault plans: what goes wrong and when, read from YAML with every mistake named at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from bench.sim.signals import SIGNALS

OPERATIONS = ("chat", "generate", "completion", "encode", "score", "extract", "embed", "rerank")
_STREAMED = OPERATIONS[:3]


class FaultPlanError(ValueError):
    """A fault plan with mistakes; the message names each with its line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; seconds count from the first inference request that carries a `traceparent`."""

    fault: str
    at_s: float | None = None
    """None where a fault counts requests and holds from the start."""
    duration_s: float = 0.0
    operation: str = ""
    count: int = 1
    signal: str = ""
    after_events: int = 0
    code: str = "inter_chunk_timeout"


def _is_seconds(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < 1e9


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int) and 0 <= value < 10**9


def _is_positive(value: object) -> bool:
    return _is_count(value) and value != 0


_SECONDS: tuple[Callable[[object], bool], str] = (_is_seconds, "a number of seconds >= 0")
_CHECKS = {
    "at_s": _SECONDS,
    "duration_s": _SECONDS,
    "operation": (lambda value: value in OPERATIONS, f"one of {', '.join(OPERATIONS)}"),
    "count": (_is_positive, "a number of requests >= 1"),
    "signal": (lambda value: value in SIGNALS, f"one of {', '.join(SIGNALS)}"),
    "after_events": (_is_count, "a number of events >= 0"),
    "code": (lambda value: isinstance(value, str) and value != "", "a text"),
}
_STREAM_OPERATION = (lambda value: value in _STREAMED, f"one of {', '.join(_STREAMED)}")


@dataclass(frozen=True, slots=True)
class _Kind:
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return ("fault", *self.required, *self.optional)

    def check(self, key: str) -> tuple[Callable[[object], bool], str]:
        """What the key may hold; only streams can break."""
        return _STREAM_OPERATION if key == "operation" and "after_events" in self.required else _CHECKS[key]


_KINDS = {
    "stall": _Kind(("at_s", "duration_s")),
    "kill": _Kind(("at_s",)),
    "refuse": _Kind(("operation", "signal"), ("at_s", "count")),
    "stream_error": _Kind(("operation", "after_events"), ("at_s", "count", "code")),
    "stream_cut": _Kind(("operation", "after_events"), ("at_s", "count")),
}
_ALL_KEYS = tuple(dict.fromkeys(key for kind in _KINDS.values() for key in kind.keys))


def load_fault_plan(path: Path) -> tuple[Fault, ...]:
    """The faults of a YAML file; raises FaultPlanError."""
    try:
        plan = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise FaultPlanError(f"cannot read fault plan {path}: {reason}") from exc
    except MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise FaultPlanError(f"{path}:{line}: not YAML: {exc.problem}") from exc
    if not isinstance(plan, CommentedSeq):
        raise FaultPlanError(f"{path}:1: a fault plan is a list such as [{{at_s: 10, fault: kill}}]")
    mistakes: list[str] = []
    faults = [_read_fault(plan, index, mistakes) for index in range(len(plan))]
    if mistakes:
        raise FaultPlanError("; ".join(f"{path}:{mistake}" for mistake in mistakes))
    return tuple(fault for fault in faults if fault is not None)


def _read_fault(plan: CommentedSeq, index: int, mistakes: list[str]) -> Fault | None:
    line = plan.lc.item(index)[0] + 1
    entry = plan[index]
    if not isinstance(entry, CommentedMap):
        mistakes.append(f"{line}: {entry!r} is not a map such as {{at_s: 10, fault: kill}}")
        return None
    name = str(entry.get("fault"))
    kind = _KINDS.get(name)
    if kind is None:
        mistakes.append(f"{line}: fault {name!r} is unknown{_hint(name, tuple(_KINDS))}")
    keys = kind.keys if kind else _ALL_KEYS
    unknown = [key for key in entry if key not in keys]
    mistakes += [f"{_line(entry, key)}: key {key!r} is unknown here{_hint(key, keys)}" for key in unknown]
    if kind is None:
        return None
    mistakes += [f"{line}: {key} is missing" for key in kind.required if key not in entry]
    values = {key: entry[key] for key in keys[1:] if key in entry}
    wrong = [_mistake(entry, key, kind) for key, value in values.items() if not kind.check(key)[0](value)]
    mistakes += wrong
    return None if wrong or unknown else Fault(name, **_plain(values))


def _mistake(entry: CommentedMap, key: str, kind: _Kind) -> str:
    return f"{_line(entry, key)}: {key} is {entry[key]!r}, not {kind.check(key)[1]}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: float(value) if key.endswith("_s") else value for key, value in values.items()}


def _line(entry: CommentedMap, key: object) -> int:
    return int(entry.lc.key(key)[0]) + 1


def _hint(name: object, valid: Sequence[str]) -> str:
    close = get_close_matches(str(name), valid, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(valid)}"

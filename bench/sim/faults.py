"""Fault plans: what goes wrong and when, read from YAML with every mistake named at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from bench.sim.fault_kinds import KINDS, Check
from bench.sim.model import SHIPPED, Catalog
from bench.sim.model.mistakes import hint, line_of, read_yaml

_ALL_KEYS = tuple(dict.fromkeys(key for kind in KINDS.values() for key in kind.keys))
_CHOICES = ("every", "requests", "share")


class FaultPlanError(ValueError):
    """A fault plan with mistakes; the message names each with its line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; seconds count from the first inference request that carries a `traceparent`."""

    fault: str
    at_s: float | None = None
    """None where it holds from the start."""
    duration_s: float | None = None
    operation: str = ""
    model: str = ""
    pool: str = ""
    bundle: str = ""
    profile: str = ""
    count: int | None = None
    every: int = 0
    requests: tuple[int, ...] = ()
    share: float | None = None
    signal: str = ""
    retry_after: str = ""
    """The header as it stands; empty for the contract's, `none` for none."""
    delay_s: float = 0.0
    after_events: int | None = None
    code: str = "inter_chunk_timeout"
    missing: int = 1
    lines: int = 100
    factor: float = 1.0
    workers: int | None = None
    streams: str = "cut"
    how: str = "reset"

    @property
    def most(self) -> float:
        """Requests that it meets at most: one, unless something else says which or until when."""
        if self.count is not None:
            return self.count
        chosen = self.every or self.requests or self.share is not None or self.duration_s is not None
        return float("inf") if chosen else 1

    @property
    def streams_only(self) -> bool:
        """Whether it meets streams only."""
        return KINDS[self.fault].streams or self.after_events is not None


def load_fault_plan(path: Path, catalog: Catalog = SHIPPED) -> tuple[Fault, ...]:
    """The faults of a YAML file; raises FaultPlanError."""
    plan = read_yaml(path, "fault plan", FaultPlanError)
    if not isinstance(plan, CommentedSeq):
        raise FaultPlanError(f"{path}:1: a fault plan is a list such as [{{at_s: 10, fault: kill}}]")
    mistakes: list[str] = []
    faults = [_read_fault(plan, index, catalog, mistakes) for index in range(len(plan))]
    if mistakes:
        raise FaultPlanError("; ".join(f"{path}:{mistake}" for mistake in mistakes))
    return tuple(fault for fault in faults if fault is not None)


def _read_fault(plan: CommentedSeq, index: int, catalog: Catalog, mistakes: list[str]) -> Fault | None:
    line = plan.lc.item(index)[0] + 1
    entry = plan[index]
    if not isinstance(entry, CommentedMap):
        mistakes.append(f"{line}: {entry!r} is not a map such as {{at_s: 10, fault: kill}}")
        return None
    name = str(entry.get("fault"))
    kind = KINDS.get(name)
    if kind is None:
        mistakes.append(f"{line}: fault {name!r} is unknown{hint(name, tuple(KINDS))}")
    keys = kind.keys if kind else _ALL_KEYS
    unknown = [key for key in entry if key not in keys]
    mistakes += [f"{line_of(entry, key)}: key {key!r} is unknown here{hint(key, keys)}" for key in unknown]
    if kind is None:
        return None
    wrong = [f"{line}: {key} is missing" for key in kind.required if key not in entry]
    values = {key: entry[key] for key in keys[1:] if key in entry}
    checks = {key: kind.check(key, catalog) for key in values}
    wrong += [_mistake(entry, key, checks[key]) for key in values if not checks[key][0](values[key])]
    wrong += _contradictions(entry, line)
    mistakes += wrong
    return None if wrong or unknown else Fault(name, **{key: _plain(key, values[key]) for key in values})


def _mistake(entry: CommentedMap, key: str, check: Check) -> str:
    value, (_, meaning) = entry[key], check
    words = meaning.removeprefix("one of ").split(", ") if meaning.startswith("one of ") else ()
    close = get_close_matches(str(value), words, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{line_of(entry, key)}: {key} is {value!r}, not {meaning}{meant}"


def _contradictions(entry: CommentedMap, line: int) -> Iterator[str]:
    """Keys that are right alone and wrong together."""
    chosen = [key for key in _CHOICES if key in entry]
    if len(chosen) > 1:
        yield f"{line_of(entry, chosen[1])}: {' and '.join(chosen)} do not go together; keep one"
    if "duration_s" in entry and "at_s" not in entry:
        yield f"{line}: duration_s needs at_s, the instant from which it counts"


def _plain(key: str, value: Any) -> Any:
    if key == "retry_after":
        return str(value)
    if key == "requests":
        return tuple(value)
    return float(value) if key.endswith("_s") else value

"""Fault plans: what goes wrong and when, read from YAML with every mistake named at once."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from bench.sim.gate import Gate

FaultKind = Literal["stall", "kill"]
_KEYS: dict[str, tuple[str, ...]] = {"stall": ("at_s", "duration_s"), "kill": ("at_s",)}
_ALL_KEYS = ("fault", "at_s", "duration_s")


class FaultPlanError(ValueError):
    """A fault plan with mistakes; the message names each with its line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; seconds count from the first inference request that carries a `traceparent`."""

    kind: str
    at_s: float
    duration_s: float = 0.0


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
    kind = str(entry.get("fault"))
    if kind not in _KEYS:
        mistakes.append(f"{line}: fault {kind!r} is unknown{_hint(kind, tuple(_KEYS))}")
    keys = ("fault", *_KEYS.get(kind, _ALL_KEYS))
    mistakes.extend(
        f"{entry.lc.key(key)[0] + 1}: key {key!r} is unknown here{_hint(key, keys)}"
        for key in entry
        if key not in keys
    )
    if kind not in _KEYS:
        return None
    times_s = {key: _read_seconds(entry, key, line, mistakes) for key in keys[1:]}
    return Fault(kind, times_s["at_s"], times_s.get("duration_s", 0.0))


def _read_seconds(entry: CommentedMap, key: str, line: int, mistakes: list[str]) -> float:
    value = entry.get(key)
    if key not in entry:
        mistakes.append(f"{line}: {key} is missing")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        mistakes.append(f"{entry.lc.key(key)[0] + 1}: {key} is {value!r}, not a number of seconds >= 0")
    else:
        return float(value)
    return 0.0


def _hint(name: object, valid: Sequence[str]) -> str:
    close = get_close_matches(str(name), valid, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(valid)}"


class FaultClock:
    """Makes the faults happen, counted from the first call of `start`."""

    def __init__(self, faults: Sequence[Fault], gate: Gate, before_kill: Callable[[], None]) -> None:
        self._faults = faults
        self._gate = gate
        self._before_kill = before_kill
        self._started = False

    def start(self) -> None:
        """Start the clock; later calls change nothing."""
        if self._started:
            return
        self._started = True
        loop = asyncio.get_running_loop()
        for fault in self._faults:
            if fault.kind == "stall":
                loop.call_later(fault.at_s, self._gate.shut)
                loop.call_later(fault.at_s + fault.duration_s, self._gate.release)
            else:
                loop.call_later(fault.at_s, self._kill)

    def _kill(self) -> None:
        self._before_kill()
        os.kill(os.getpid(), signal.SIGKILL)

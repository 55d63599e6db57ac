"""YAML with `--set` on top -> a Scenario, or every fault at once.

ScenarioError   everything that is wrong, one line each: place, value, what to do
"""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from bench.scenario.names import names_at
from bench.scenario.types import Scenario

Keys = tuple[str | int, ...]

# What the YAML reader raises: odd keys, dates that are none and deep nesting come out raw.
UNREADABLE = (YAMLError, ValueError, TypeError, LookupError, AttributeError, RuntimeError)

FILES = (
    "arrivals.file",
    "sim.fault_plan",
    "sim.profile_file",
    "target.ca_file",
    "classes.*.input_tokens.file",
    "classes.*.output_tokens.file",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, in which key, and why."""

    place: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ScenarioError(ValueError):
    """A scenario that cannot be run; `faults` holds every reason."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def load(path: Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read and check a scenario.

    `overrides` are `dotted.key=value` with the value in YAML; a class is named by its name or its number
    (`classes.chat.weight=2`). File names inside the scenario are relative to the scenario's folder, those
    in an override to the current one. Raises ScenarioError with every fault.
    """
    tree = _read(path)
    _anchor_files(tree, path.parent)
    faults: list[Fault] = []
    origins: dict[Keys, str] = {}
    for override in overrides:
        try:
            origins[_override(tree, override)] = _place(override)
        except ScenarioError as error:
            faults += error.faults
    try:
        scenario = Scenario.model_validate_json(json.dumps(_plain(tree), default=str))
    except ValidationError as error:
        faults += [_fault(dict(detail), tree, origins, path) for detail in error.errors(include_url=False)]
    except (TypeError, ValueError, RecursionError):
        faults.append(Fault(str(path), "", "holds YAML that JSON cannot say: an odd key, or itself"))
    if faults:
        raise ScenarioError(list(dict.fromkeys(faults)))
    return scenario


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors."""
    return Scenario.model_json_schema()


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError([Fault(str(path), "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ScenarioError([Fault(str(path), "", "is not UTF-8 text")]) from None
    try:
        tree = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = str(error.problem or error.context).strip().split("\n")[0]
        raise ScenarioError([Fault(f"{path}:{line}", "", f"not valid YAML: {problem}")]) from None
    except UNREADABLE as error:
        raise ScenarioError([Fault(str(path), "", f"not valid YAML: {_first_line(error)}")]) from None
    if not isinstance(tree, dict):
        raise ScenarioError([Fault(f"{path}:1", "", "a scenario is a mapping of keys, see `bench schema`")])
    return tree


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _plain(node: Any) -> Any:
    """A boolean with an anchor is a kind of int to the YAML reader."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return bool(node) if isinstance(node, ScalarBoolean) else node


def _anchor_files(tree: Any, folder: Path) -> None:
    for pattern in FILES:
        for holder, key in _matches(tree, pattern.split(".")):
            if isinstance(holder.get(key), str):
                holder[key] = str((folder / holder[key]).resolve())


def _matches(tree: Any, pattern: Sequence[str]) -> Iterable[tuple[dict[str, Any], str]]:
    first, rest = pattern[0], pattern[1:]
    if not rest:
        if isinstance(tree, dict) and first in tree:
            yield tree, first
    elif first == "*" and isinstance(tree, list):
        for item in tree:
            yield from _matches(item, rest)
    elif isinstance(tree, dict) and first in tree:
        yield from _matches(tree[first], rest)


# --- overrides ---------------------------------------------------------------------------------------------


def _override(tree: Any, override: str) -> Keys:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise ScenarioError([Fault(_place(override), "", "say it as key=value, arrivals.rate_per_s=20")])
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except UNREADABLE:
        raise ScenarioError(
            [Fault(_place(override), "", "what stands after = is not a YAML value")]
        ) from None
    keys: list[str | int] = []
    *parents, last = dotted.split(".")
    for name in parents:
        tree = _descend(tree, name, keys, override)
    key = _key_in(tree, last)
    if key is None:
        raise ScenarioError([Fault(_place(override), dotted, "there is no such place in this scenario")])
    is_file = last in {"file", "fault_plan", "profile_file", "ca_file"} and isinstance(value, str)
    tree[key] = str(Path(value).resolve()) if is_file else value
    return (*keys, key)


def _place(override: str) -> str:
    """The override as it was given, save what may be a secret."""
    dotted, equals, value = override.partition("=")
    return f"--set {dotted}={_HIDDEN}" if equals and _is_secret(dotted, value) else f"--set {override}"


def _descend(tree: Any, name: str, keys: list[str | int], override: str) -> Any:
    key = _key_in(tree, name)
    if key is None:
        there = [str(item["name"]) for item in _items(tree) if "name" in item]
        hint = f"; there are: {', '.join(there)}" if there else ""
        raise ScenarioError([Fault(_place(override), name, f"there is no such place{hint}")])
    keys.append(key)
    if isinstance(tree, dict) and tree.get(key) is None:
        tree[key] = {}
    return tree[key]


def _items(tree: Any) -> list[dict[str, Any]]:
    return [item for item in tree if isinstance(item, dict)] if isinstance(tree, list) else []


def _key_in(tree: Any, name: str) -> str | int | None:
    """What `name` means in a mapping (a key, new or not) or a list (a number, or the `name` of an item)."""
    if isinstance(tree, dict):
        return name
    if not isinstance(tree, list):
        return None
    named = [i for i, item in enumerate(tree) if isinstance(item, dict) and item.get("name") == name]
    return next(iter(named), int(name) if name.isdigit() and int(name) < len(tree) else None)


# --- faults ------------------------------------------------------------------------------------------------


def _fault(detail: dict[str, Any], tree: Any, origins: dict[Keys, str], path: Path) -> Fault:
    keys = _real_keys(tree, detail["loc"])
    place = next((origin for at, origin in reversed(origins.items()) if _touches(at, keys)), None)
    return Fault(place or f"{path}:{_line(tree, keys)}", _dotted(keys), _message(detail))


def _touches(override: Keys, fault: Keys) -> bool:
    """Whether an override set the faulty value, what it stands in, or (below the root) a part of it."""
    shared = min(len(override), len(fault))
    return bool(shared) and override[:shared] == fault[:shared]


def _real_keys(tree: Any, loc: Sequence[str | int]) -> Keys:
    """The keys of the file: pydantic's location also names the member of a union, which no file has."""
    keys: list[str | int] = []
    steps = list(loc)
    for i, step in enumerate(steps):
        inside = (isinstance(tree, dict) and step in tree) or (
            isinstance(tree, list) and isinstance(step, int)
        )
        if inside:
            keys.append(step)
            tree = tree[step]
        elif i == len(steps) - 1 and step not in _TAGS:
            keys.append(step)
    return tuple(keys)


def _holds(tree: Any, step: str | int) -> bool:
    if isinstance(tree, list):
        return isinstance(step, int) and step < len(tree)
    return isinstance(tree, dict) and step in tree


_TAGS = frozenset(
    {"fixed", "lognormal", "empirical", "trace", "given", "constant", "poisson"}
    | {"chat", "completion", "generate", "encode", "score", "extract", "embed", "rerank"}
)


def _line(tree: Any, keys: Keys) -> int:
    """The line of the deepest key that stands in the file, counted from 1."""
    line = tree.lc.line
    for key in keys:
        if not (_holds(tree, key) and hasattr(tree, "lc") and key in tree.lc.data):
            break
        line = tree.lc.data[key][0]
        tree = tree[key]
    return int(line) + 1


def _dotted(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _message(detail: dict[str, Any]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"unknown key, with value {_said(detail)}{_nearest(detail['loc'])}"
    if kind == "missing":
        return "is missing"
    if kind == "union_tag_not_found":
        return f"needs the key {detail['ctx']['discriminator']} to say which kind it is"
    if kind == "union_tag_invalid":
        tag, expected = detail["ctx"]["tag"], detail["ctx"]["expected_tags"]
        close = difflib.get_close_matches(str(tag), [name.strip("'") for name in expected.split(", ")], 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"{detail['ctx']['discriminator']} {tag!r} is not one of {expected}{hint}"
    message = detail["msg"].removeprefix("Value error, ")
    return (
        message if kind == "value_error" else f"{_said(detail)} is refused: {message[0].lower()}{message[1:]}"
    )


def _nearest(loc: Sequence[str | int]) -> str:
    valid = names_at(Scenario, loc)
    close = difflib.get_close_matches(str(loc[-1]), valid, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; valid here: {', '.join(valid)}"


def _said(detail: dict[str, Any]) -> str:
    value = _short(detail.get("input"))
    return _HIDDEN if _is_secret(str(detail["loc"][-1]), value) else value


def _is_secret(key: str, value: str) -> bool:
    """Whether a value may be a credential that someone put in the wrong place."""
    return bool(
        re.search(r"(?<!routing_)(?<!cache_)key|secret|password|token(_env)?$|auth|_env$", key, re.IGNORECASE)
        or re.search(r"://\S*@", value)
    )


_HIDDEN = "(not shown)"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."

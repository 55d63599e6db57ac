"""YAML files that a user wrote, as closed models; every fault at once, each with its place.

FileError   a file that cannot be used; one line a fault
"""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class FileError(ValueError):
    """A file that cannot be used; the message has a line a fault."""


class Closed(BaseModel):
    """Base of what users write: frozen, no unknown keys, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_Model = TypeVar("_Model", bound=BaseModel)


def read_model(path: Path, model: type[_Model]) -> _Model:
    """A YAML (or JSON) file as a model. Raises FileError with every fault."""
    try:
        tree = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from None
    except (YAMLError, ValueError) as error:
        raise FileError(f"{path}: not valid YAML: {str(error).strip().splitlines()[0]}") from None
    try:
        return model.model_validate_json(json.dumps(tree if tree is not None else {}, default=str))
    except ValidationError as error:
        lines = [f"{path}: {_place(fault['loc'])}{_why(fault)}" for fault in error.errors()]
        raise FileError("\n".join(lines)) from None


def _place(loc: tuple[str | int, ...]) -> str:
    keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc).lstrip(".")
    return f"{keys}: " if keys else ""


def _why(fault: object) -> str:
    facts = fault if isinstance(fault, dict) else {}
    if facts["type"] == "extra_forbidden":
        return "unknown key"
    message = str(facts["msg"]).removeprefix("Value error, ")
    return (
        message if facts["type"] == "value_error" else f"{json.dumps(facts['input'], default=str)}: {message}"
    )

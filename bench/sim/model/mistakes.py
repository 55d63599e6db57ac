"""What reading a file of a user's has in common: the file itself, lines, and the nearest valid word."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError


def read_yaml(path: Path, what: str, error: type[ValueError]) -> Any:
    """The tree of a YAML file, with its lines; raises `error` with a sentence where there is none."""
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise error(f"cannot read {what} {path}: {reason}") from exc
    except MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise error(f"{path}:{line}: not YAML: {exc.problem}") from exc


def line_of(entry: CommentedMap, key: object) -> int:
    """The line of a key, counted from 1."""
    return int(entry.lc.key(key)[0]) + 1


def hint(name: object, valid: Sequence[str]) -> str:
    """The word that was meant, or all that would do."""
    close = get_close_matches(str(name), valid, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(valid)}"

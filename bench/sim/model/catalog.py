"""The data files of machine profiles and model cards: read, checked, and laid one over the other."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from ruamel.yaml.comments import CommentedMap

from bench.sim.model.cards import Card, Kind
from bench.sim.model.chips import Chip
from bench.sim.model.mistakes import hint, line_of, read_yaml

_PACKAGE = Path(__file__).parent
_LIKE = "like"
_SECTIONS = ("profiles", "models")
_MAY_BE_ZERO = ("admission_budget_tokens", "max_output_tokens", "dense_units")
_SHARES = ("memory_share",)
_Row = TypeVar("_Row", Chip, Card)
Check = tuple[Callable[[Any], bool], str]


class CatalogError(ValueError):
    """A profile file with mistakes; the message names each with its line."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every known machine profile and model card, by name."""

    chips: Mapping[str, Chip]
    cards: Mapping[str, Card]

    def find_card(self, name: str) -> Card | None:
        """The model of this name in any case."""
        lower = name.lower()
        return next((card for known, card in self.cards.items() if known.lower() == lower), None)


def load_catalog(path: Path, base: Catalog) -> Catalog:
    """The rows of a YAML file laid over those of `base`; raises CatalogError."""
    document = _read(path)
    mistakes = [
        f"{line_of(document, key)}: {key!r} is unknown here{hint(key, _SECTIONS)}"
        for key in document
        if key not in _SECTIONS
    ]
    chips = dict(_rows(document, "profiles", Chip, "profile", base.chips, mistakes))
    cards = dict(_rows(document, "models", Card, "name", base.cards, mistakes))
    if not mistakes:
        mistakes += _contradictions(document, chips)
    if mistakes:
        raise CatalogError("; ".join(f"{path}:{mistake}" for mistake in mistakes))
    return Catalog({**base.chips, **chips}, {**base.cards, **cards})


def _read(path: Path) -> CommentedMap:
    document = read_yaml(path, "profile file", CatalogError)
    if not isinstance(document, CommentedMap):
        raise CatalogError(f"{path}:1: a profile file is a map with profiles and models")
    return document


def _rows(
    document: CommentedMap,
    section: str,
    kind: type[_Row],
    named: str,
    base: Mapping[str, _Row],
    mistakes: list[str],
) -> Iterator[tuple[str, _Row]]:
    entries = document.get(section)
    if section in document and not isinstance(entries, CommentedMap):
        mistakes.append(f"{line_of(document, section)}: {section} is {entries!r}, not a map of names to keys")
        return
    known = dict(base)
    for name, entry in (entries or {}).items():
        wrong = list(_mistakes(entries, str(name), entry, kind, named, known))
        mistakes += wrong
        if not wrong:
            known[name] = kind(**(_start(name, entry, known, named) | _values(entry) | {named: name}))
            yield name, known[name]


def _mistakes(
    entries: CommentedMap, name: str, entry: Any, kind: type[_Row], named: str, known: Mapping[str, _Row]
) -> Iterator[str]:
    """What is wrong with one entry, each with its line."""
    if not isinstance(entry, CommentedMap):
        yield f"{line_of(entries, name)}: {name} is {entry!r}, not a map of keys"
        return
    checks = {field.name: _check(field.name, field.type) for field in fields(kind) if field.name != named}
    for key, value in entry.items():
        if key == _LIKE:
            if value not in known:
                yield f"{line_of(entry, key)}: like is {value!r}, which is unknown{hint(value, tuple(known))}"
        elif key not in checks:
            yield f"{line_of(entry, key)}: key {key!r} is unknown here{hint(key, tuple(checks))}"
        elif not checks[key][0](value):
            yield f"{line_of(entry, key)}: {key} is {value!r}, not {checks[key][1]}"
    if _LIKE not in entry and name not in known:
        needed = [field.name for field in fields(kind) if field.default is MISSING]
        missing = [key for key in needed if key not in entry and key != named]
        if missing:
            yield f"{line_of(entries, name)}: {name} lacks {', '.join(missing)}; give them, or `like: NAME`"


def _contradictions(document: CommentedMap, chips: Mapping[str, Chip]) -> Iterator[str]:
    """Values that are right alone and wrong together."""
    for name, chip in chips.items():
        if chip.max_sequences > chip.step_budget_tokens:
            yield (
                f"{line_of(document['profiles'], name)}: {name} has max_sequences {chip.max_sequences} above "
                f"step_budget_tokens {chip.step_budget_tokens}, so that a step could not hold them"
            )


def _start(name: str, entry: CommentedMap, known: Mapping[str, _Row], named: str) -> dict[str, Any]:
    row = known.get(entry.get(_LIKE, name))
    if row is None:
        return {}
    return {field.name: getattr(row, field.name) for field in fields(row) if field.name != named}


def _values(entry: CommentedMap) -> dict[str, Any]:
    given = {key: value for key, value in entry.items() if key != _LIKE}
    return {key: tuple(value) if isinstance(value, list) else _plain(value) for key, value in given.items()}


def _plain(value: Any) -> Any:
    """Without what the YAML reader remembers of a number's spelling."""
    return float(value) if isinstance(value, float) else value


def _check(name: str, kind: Any) -> Check:
    if kind is str or kind == Kind:
        words = get_args(Kind)
        return (lambda value: value in words), f"one of {', '.join(words)}"
    if kind is bool:
        return (lambda value: isinstance(value, bool)), "true or false"
    if kind is int:
        least = 0 if name in _MAY_BE_ZERO else 1
        return (lambda value: _is_number(value, int) and value >= least), f"a whole number >= {least}"
    if kind is float:
        return _float_check(name)
    return _is_texts, "a list of texts"


def _float_check(name: str) -> Check:
    if name.endswith("_efficiency") or name in _SHARES:
        return (lambda value: _is_number(value, int | float) and 0 < value <= 1), "a share above 0, at most 1"
    if name.endswith("_s") and not name.endswith("_per_s"):
        return (lambda value: _is_number(value, int | float) and 0 <= value < 3600), "seconds from 0 to 3600"
    return (lambda value: _is_number(value, int | float) and 0 < value < 1e18), "a number above 0"


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _shipped() -> Catalog:
    catalog = Catalog({}, {})
    for name in ("profiles.yaml", "models.yaml"):
        catalog = load_catalog(_PACKAGE / name, catalog)
    return catalog


SHIPPED = _shipped()
"""The rows that come with the package."""

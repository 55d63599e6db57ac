"""A fitted profile as a file for `bench sim --profile-file`."""

from collections.abc import Iterable, Iterator
from dataclasses import fields

from bench.record import Fit, FittedKey
from bench.sim.model import SHIPPED, Card, Catalog, Chip


def profile_text(found: Fit, chip: Chip, catalog: Catalog, models: Iterable[str]) -> str:
    """YAML that says of the chip what the shipped rows do not, and has the cards that they lack."""
    lines = [*_head(found), "profiles:", f"  {found.name}:", *_profile(found, chip)]
    cards = [catalog.cards[model] for model in models if catalog.cards[model] != SHIPPED.cards.get(model)]
    if cards:
        lines += ["models:", *(line for card in cards for line in _card(card))]
    return "\n".join(lines) + "\n"


def _head(found: Fit) -> Iterator[str]:
    yield f"# {found.profile} as `bench fit` found it in {found.requests} requests of"
    yield from (f"#   {run}" for run in found.runs)
    yield "# The same with the errors of every prediction is in the JSON file beside this one."


def _profile(found: Fit, chip: Chip) -> Iterator[str]:
    """Keys that differ from those of the shipped row of this name, or of the one that it is like."""
    said = {key.name: _note(key) for key in found.keys if key.state != "held"}
    like = next((known for known in (found.name, found.profile) if known in SHIPPED.chips), None)
    if like and like != found.name:
        yield f"    like: {like}"
    for field in fields(Chip):
        if field.name == "profile":
            continue
        value = getattr(chip, field.name)
        same = like is not None and value == getattr(SHIPPED.chips[like], field.name)
        if field.name in said or not same:
            yield f"    {field.name}: {_plain(value)}{said.get(field.name, '')}"


def _note(key: FittedKey) -> str:
    return f"  # fitted, +- {key.error:.1%}" if key.state == "fitted" else f"  # not fitted: {key.sentence}"


def _card(card: Card) -> Iterator[str]:
    yield f"  {_quoted(card.name)}:"
    for field in fields(Card):
        if field.name != "name":
            yield f"    {field.name}: {_plain(getattr(card, field.name))}"


def _plain(value: object) -> str:
    """As YAML; floats so that they are read as such."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case tuple():
            return f"[{', '.join(map(_quoted, value))}]"
    return str(value)


def _quoted(word: object) -> str:
    return f'"{word}"'
